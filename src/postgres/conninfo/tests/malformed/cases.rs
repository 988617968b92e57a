//! The texts: their password is `Hunter2`, or `Hun`, something and `ter2`.

/// A message, and the texts it is for with the byte it names.
pub(super) type Case = (&'static str, &'static [(usize, &'static str)]);

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    (
        "a further `@`, or one after `/`; in user name, password and database name write @ as %40, / as %2F, : as %3A",
        &[
            (24, "postgres://mon:Hun@ter2@db.example/app"),
            (24, "postgres://mon:Hun/ter2@db.example/app"),
            (23, "postgres://mon:12/ter2@db.example/app"),
            (25, "postgres://mon:Hun@[ter2@db.example/app"),
            (26, "postgres://mon:Hun#ter2/x@db.example/app"),
            (20, "postgres://mon:Hun@@ter2/app"),
        ],
    ),
    (
        "not a percent-encoded byte; write % as %25, others as % and two hexadecimal digits",
        &[
            (19, "postgres://mon:Hun%ter2@db.example/app"),
            (23, "postgres://mon:Hunter2%@db.example/app"),
            (23, "postgres://mon:Hunter2%4@db.example/app"),
            (47, "postgres://mon@db.example/app?password=Hunter2%2"),
        ],
    ),
    (
        "a zero byte is not possible in connection information",
        &[
            (23, "postgres://mon:Hunter2%00@db.example/app"),
            (42, "host=db.example user=mon password=Hunter2\0 dbname=app"),
        ],
    ),
    (
        "a space within the value; write it as %20",
        &[
            (19, "postgres://mon:Hun ter2@db.example/app"),
            (37, "postgres://mon:Hunter2@db.example/my db"),
        ],
    ),
    (
        "unknown parameter; settings of the server, such as search_path, belong into `options` (-c name=value)",
        &[
            (25, "postgres://mon:Hun@ter2?x=1@db.example/app"),
            (39, "postgres://mon:Hunter2@db.example/app?search_path=monitor"),
            (39, "postgres://mon:Hunter2@db.example/app?statement_timeout=1s"),
            (40, "host=db.example user=mon password='Hun'ter2=x"),
            (26, "host=db.example user=mon Hunter2=password"),
            (26, "host=db.example user=mon =Hunter2"),
            (1, "PGHOST=db.example PGPASSWORD=Hunter2"),
            (1, "Server=db.example;User Id=mon;Password=Hunter2"),
        ],
    ),
    (
        "the IPv6 address that starts here has no closing `]`",
        &[
            (24, "postgres://mon:Hunter2@[::1/app"),
        ],
    ),
    (
        "the IPv6 address in [] is empty",
        &[
            (24, "postgres://mon:Hunter2@[]/app"),
        ],
    ),
    (
        "after `]` only a port (:5432), another host (,), a database (/) or parameters (?) may follow",
        &[
            (29, "postgres://mon:Hunter2@[::1]5432/app"),
        ],
    ),
    (
        "the value of `port` is not valid; expected ports from 1 to 65535, separated by commas",
        &[
            (35, "postgres://mon:Hunter2@db.example:port/app"),
            (35, "postgres://mon:Hunter2@db.example:0/app"),
            (35, "postgres://mon:Hunter2@db.example:65536/app"),
            (35, "postgres://mon:Hunter2@db.example:-1/app"),
            (28, "postgres://mon:Hunter2@a,b:1,c:2,d:x/app"),
            (48, "host=db.example user=mon password=Hunter2 port=5432x"),
        ],
    ),
    (
        "3 ports for 2 host(s); give one port for all, or one for each host",
        &[
            (37, "postgres://mon:Hunter2@a,b/app?port=1,2,3"),
            (15, "host=a,b port=1,2,3 password=Hunter2"),
        ],
    ),
    (
        "`=` is missing in this URL parameter; write name=value (and & in a value as %26)",
        &[
            (39, "postgres://mon:Hunter2@db.example/app?sslmode"),
            (39, "postgres://mon:Hunter2@db.example/app?&sslmode=require"),
            (55, "postgres://mon:Hunter2@db.example/app?sslmode=require&&port=1"),
            (44, "postgres://mon@db.example/app?password=Hun&ter2"),
            (31, "postgres://mon@db.example/app?Hunter2"),
        ],
    ),
    (
        "a second `=` in this URL parameter; write = in a value as %3D",
        &[
            (47, "postgres://mon:Hunter2@db.example/app?sslmode==require"),
            (43, "postgres://mon@db.example/app?password=Hun=ter2"),
        ],
    ),
    (
        "the value of `sslmode` is not valid; expected disable, allow, prefer, require, verify-ca or verify-full",
        &[
            (47, "postgres://mon:Hunter2@db.example/app?sslmode=verify"),
            (47, "postgres://mon:Hunter2@db.example/app?sslmode="),
            (51, "host=db.example user=mon password=Hunter2 sslmode=Require"),
        ],
    ),
    (
        "unknown parameter; did you mean `sslmode`?",
        &[
            (39, "postgres://mon:Hunter2@db.example/app?sslmod=require"),
            (39, "postgres://mon:Hunter2@db.example/app?SSLMODE=require"),
        ],
    ),
    (
        "unknown parameter; did you mean `password`?",
        &[
            (31, "postgres://mon@db.example/app?pasword=Hunter2"),
            (26, "host=db.example user=mon pasword=Hunter2"),
            (26, "host=db.example user=mon passwd=Hunter2"),
        ],
    ),
    (
        "a `:` in the user name; give the password by `password`, or such a name by PGUSER",
        &[
            (32, "postgres://db.example/app?user=mon:Hunter2@x"),
            (6, "user=mon:Hunter2 host=db.example"),
        ],
    ),
    (
        "the value of `target_session_attrs` is not valid; expected any, read-write, read-only, primary, standby or prefer-standby",
        &[
            (60, "postgres://mon:Hunter2@db.example/app?target_session_attrs=master"),
        ],
    ),
    (
        "the value of `connect_timeout` is not valid; expected an integer",
        &[
            (55, "postgres://mon:Hunter2@db.example/app?connect_timeout=1s"),
        ],
    ),
    (
        "the value of `hostaddr` is not valid; expected IPv4 or IPv6 addresses, separated by commas",
        &[
            (48, "postgres://mon:Hunter2@db.example/app?hostaddr=db.example"),
        ],
    ),
    (
        "2 host name(s) for 1 address(es) in `hostaddr`; give one for each",
        &[
            (24, "postgres://mon:Hunter2@a,b/app?hostaddr=127.0.0.1"),
        ],
    ),
    (
        "sslnegotiation=direct needs sslmode=require, verify-ca or verify-full",
        &[
            (54, "postgres://mon:Hunter2@db.example/app?sslnegotiation=direct&sslmode=prefer"),
        ],
    ),
    (
        "sslrootcert=system needs sslmode=verify-full: anybody can get a certificate from these roots",
        &[
            (66, "postgres://mon:Hunter2@db.example/app?sslrootcert=system&sslmode=require"),
        ],
    ),
    (
        "the value of `ssl_min_protocol_version` is not valid; expected TLSv1.2 or TLSv1.3",
        &[
            (64, "postgres://mon:Hunter2@db.example/app?ssl_min_protocol_version=SSLv3"),
        ],
    ),
    (
        "ssl_min_protocol_version is above ssl_max_protocol_version",
        &[
            (64, "postgres://mon:Hunter2@db.example/app?ssl_min_protocol_version=TLSv1.3&ssl_max_protocol_version=TLSv1.2"),
        ],
    ),
    (
        "the value of `require_auth` is not valid; expected methods separated by commas, each once, all or none with a ! before it: password, md5, scram-sha-256, none",
        &[
            (52, "postgres://mon:Hunter2@db.example/app?require_auth=scram-sha-512"),
        ],
    ),
    (
        "`gssencmode` is not supported: there is no GSSAPI here: leave it out, and use TLS",
        &[
            (50, "postgres://mon:Hunter2@db.example/app?gssencmode=require"),
        ],
    ),
    (
        "the value of `channel_binding` is not valid; expected disable, prefer or require",
        &[
            (55, "postgres://mon:Hunter2@db.example/app?channel_binding=on"),
        ],
    ),
    (
        "the value of `application_name` is not UTF-8",
        &[
            (56, "postgres://mon:Hunter2@db.example/app?application_name=%ff"),
        ],
    ),
    (
        "the value of `host` is not UTF-8",
        &[
            (24, "postgres://mon:Hunter2@db%ff/app"),
        ],
    ),
    (
        "a URL must start with postgresql:// or postgres://, in lower case and without a space before it",
        &[
            (1, "Postgres://mon:Hunter2@db.example/app"),
            (1, "postgresq://mon:Hunter2@db.example/app"),
            (1, " postgres://mon:Hunter2@db.example/app"),
            (1, "jdbc:postgresql://db.example/app?user=mon&password=Hunter2"),
            (1, "mysql://mon:Hunter2@db.example/app"),
        ],
    ),
    (
        "`=` is missing after this word; values with spaces need quotes ('...'), a URL starts with postgresql://",
        &[
            (1, "postgres:/mon:Hunter2@db.example/app"),
            (1, "mon:Hunter2@db.example/app"),
            (1, "db.example:5432:app:mon:Hunter2"),
            (1, "Hunter2"),
            (39, "host=db.example user=mon password=Hun ter2 dbname=app"),
            (39, "host=db.example user=mon password=Hun ter2"),
            (40, "host=db.example user=mon password='Hun'ter2' dbname=app"),
            (40, "host=db.example user=mon password=Hun' ter2'"),
            (26, "host=db.example user=mon password Hunter2"),
            (1, "{\"host\":\"db.example\",\"password\":\"Hunter2\"}"),
        ],
    ),
    (
        "the quoted value that starts here has no closing quote (write \\' for a quote within it)",
        &[
            (35, "host=db.example user=mon password='Hunter2"),
        ],
    ),
    (
        "a password within the value of `host`; separate parameters by spaces, in a URL by & after the first ?",
        &[
            (6, "host=db.example;user=mon;password=Hunter2"),
        ],
    ),
    (
        "the value of `keepalives` is not valid; expected an integer",
        &[
            (54, "host=db.example user=mon password=Hunter2 keepalives=yes"),
        ],
    ),
    (
        "no service file defines the service; looked for its [section] in 0 file(s)",
        &[
            (51, "host=db.example user=mon password=Hunter2 service=nowhere"),
        ],
    ),
    (
        "1 host name(s) for 2 address(es) in `hostaddr`; give one for each",
        &[
            (6, "host=a hostaddr=127.0.0.1,127.0.0.2 password=Hunter2"),
        ],
    ),
    (
        "a password within the value of `dbname`; separate parameters by spaces, in a URL by & after the first ?",
        &[
            (24, "host=db.example dbname=app;password=Hunter2"),
            (23, "postgres://db.example/app&password=Hunter2"),
        ],
    ),
    (
        "the value of `host` is not valid; expected host names, addresses or absolute directories of sockets, separated by commas",
        &[
            (6, "host=mon:Hunter2@db.example dbname=app"),
        ],
    ),
];

/// Odd texts that libpq accepts, and what is printed of them.
pub(super) const ODD: &[(&str, &str)] = &[
    (
        "postgres://mon:Hun?ter2@db.example/app",
        "postgresql://mon:********@db.example/app",
    ),
    (
        "postgres://mon:Hun%40ter2@db.example/app",
        "postgresql://mon:********@db.example/app",
    ),
    (
        "postgres://:Hunter2@db.example",
        "postgresql://:********@db.example",
    ),
    (
        "postgres://mon:Hunter2@db.example/app?sslmode=require&",
        "postgresql://mon:********@db.example/app?sslmode=require",
    ),
    (
        "postgres://mon@h?password=Hunter2&sslpassword=Hunter2",
        "postgresql://mon:********@h?sslpassword=********",
    ),
    (
        "host=db.example, user=mon, password=Hunter2",
        "user=mon, password=******** host=db.example,",
    ),
    (
        "password=Hun=ter2 options='-c ext.key=Hunter2'",
        "password=******** options=********",
    ),
    ("password='Hun ter2'password=Hun\\ ter2", "password=********"),
];
