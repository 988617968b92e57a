//! Malformed and odd connection strings, by the whole program: what is said, where the mistake is, how it ends, and the
//! password in none of what it writes or serves.

use std::fmt::Write as _;

use pg_exporter_lab::exporter::Ended;
use pg_exporter_lab::{Exporter, newest_major, shared};

use crate::support::{SOON, State, builder, page_within, wait_for_state};

/// The passwords hold one of these: `Hunter2` as a whole, or what is at an odd character in it.
const FRAGMENTS: [&str; 6] = ["hunt", "ter2", "hun%", "hun ter", "hun=", "hun?"];

/// What is refused, with the byte that the message points to and words of it. `{h}` is a server that runs.
#[rustfmt::skip]
const MALFORMED: [(&str, usize, &str); 60] = [
    ("postgres://mon:Hun@ter2@{h}/app", 24, "write @ as %40"),
    ("postgres://mon:Hun/ter2@{h}/app", 24, "write @ as %40, / as %2F"),
    ("postgres://mon:12/ter2@{h}/app", 23, "write @ as %40"),
    ("postgres://mon:Hun@[ter2@{h}/app", 25, "write @ as %40"),
    ("postgres://mon:Hun#ter2/x@{h}/app", 26, "write @ as %40"),
    ("postgres://mon:Hun@@ter2/app", 20, "write @ as %40"),
    ("postgres://mon:Hun%ter2@{h}/app", 19, "write % as %25"),
    ("postgres://mon:Hunter2%@{h}/app", 23, "write % as %25"),
    ("postgres://mon:Hunter2%4@{h}/app", 23, "two hexadecimal digits"),
    ("postgres://mon@db.example/app?password=Hunter2%2", 47, "not a percent-encoded byte"),
    ("postgres://mon:Hunter2%00@{h}/app", 23, "a zero byte is not possible"),
    ("postgres://mon:Hun ter2@{h}/app", 19, "write it as %20"),
    ("postgres://mon:Hunter2@db.example/my db", 37, "a space within the value"),
    ("postgres://mon:Hun@ter2?x=1@{h}/app", 25, "unknown parameter"),
    ("postgres://mon:Hunter2@db.example/app?search_path=monitor", 39, "belong into `options`"),
    ("host=db.example user=mon password='Hun'ter2=x", 40, "unknown parameter"),
    ("host=db.example user=mon Hunter2=password", 26, "unknown parameter"),
    ("host=db.example user=mon =Hunter2", 26, "unknown parameter"),
    ("PGHOST=db.example PGPASSWORD=Hunter2", 1, "unknown parameter"),
    ("Server=db.example;User Id=mon;Password=Hunter2", 1, "unknown parameter"),
    ("postgres://mon:Hunter2@[::1/app", 24, "no closing `]`"),
    ("postgres://mon:Hunter2@[]/app", 24, "the IPv6 address in [] is empty"),
    ("postgres://mon:Hunter2@[::1]5432/app", 29, "after `]` only a port"),
    ("postgres://mon:Hunter2@db.example:port/app", 35, "ports from 1 to 65535"),
    ("postgres://mon:Hunter2@db.example:0/app", 35, "ports from 1 to 65535"),
    ("postgres://mon:Hunter2@db.example:65536/app", 35, "ports from 1 to 65535"),
    ("postgres://mon:Hunter2@a,b:1,c:2,d:x/app", 28, "ports from 1 to 65535"),
    ("host=db.example user=mon password=Hunter2 port=5432x", 48, "ports from 1 to 65535"),
    ("host=a,b port=1,2,3 password=Hunter2", 15, "3 ports for 2 host(s)"),
    ("postgres://mon:Hunter2@db.example/app?sslmode", 39, "`=` is missing"),
    ("postgres://mon:Hunter2@db.example/app?sslmode=require&&port=1", 55, "`=` is missing"),
    ("postgres://mon@db.example/app?password=Hun&ter2", 44, "& in a value as %26"),
    ("postgres://mon@db.example/app?Hunter2", 31, "`=` is missing"),
    ("postgres://mon@db.example/app?password=Hun=ter2", 43, "write = in a value as %3D"),
    ("postgres://mon:Hunter2@db.example/app?sslmode=verify", 47, "verify-ca or verify-full"),
    ("host=db.example user=mon password=Hunter2 sslmode=Require", 51, "the value of `sslmode`"),
    ("postgres://mon:Hunter2@db.example/app?sslmod=require", 39, "did you mean `sslmode`?"),
    ("postgres://mon@db.example/app?pasword=Hunter2", 31, "did you mean `password`?"),
    ("host=db.example user=mon passwd=Hunter2", 26, "did you mean `password`?"),
    ("postgres://db.example/app?user=mon:Hunter2@x", 32, "a `:` in the user name"),
    ("postgres://mon:Hunter2@db.example/app?target_session_attrs=master", 60, "prefer-standby"),
    ("postgres://mon:Hunter2@db.example/app?connect_timeout=1s", 55, "expected an integer"),
    ("postgres://mon:Hunter2@db.example/app?hostaddr=db.example", 48, "IPv4 or IPv6 addresses"),
    ("postgres://mon:Hunter2@a,b/app?hostaddr=127.0.0.1", 24, "2 host name(s) for 1 address(es)"),
    ("postgres://mon:Hunter2@db.example/app?sslnegotiation=direct&sslmode=prefer", 54, "sslmode=require"),
    ("postgres://mon:Hunter2@db.example/app?sslrootcert=system&sslmode=require", 66, "sslmode=verify-full"),
    ("postgres://mon:Hunter2@db.example/app?ssl_min_protocol_version=SSLv3", 64, "TLSv1.2 or TLSv1.3"),
    ("postgres://mon:Hunter2@db.example/app?require_auth=scram-sha-512", 52, "the value of `require_auth` is not valid"),
    ("postgres://mon:Hunter2@db.example/app?application_name=%ff", 56, "is not UTF-8"),
    ("Postgres://mon:Hunter2@db.example/app", 1, "postgresql:// or postgres://, in lower case"),
    ("jdbc:postgresql://db.example/app?user=mon&password=Hunter2", 1, "a URL must start with"),
    ("mysql://mon:Hunter2@db.example/app", 1, "a URL must start with"),
    ("postgres:/mon:Hunter2@db.example/app", 1, "a URL starts with postgresql://"),
    ("db.example:5432:app:mon:Hunter2", 1, "`=` is missing after this word"),
    ("Hunter2", 1, "`=` is missing after this word"),
    ("host=db.example user=mon password=Hun ter2", 39, "values with spaces need quotes"),
    ("{\"host\":\"db.example\",\"password\":\"Hunter2\"}", 1, "`=` is missing after this word"),
    ("host=db.example user=mon password='Hunter2", 35, "no closing quote"),
    ("host=db.example;user=mon;password=Hunter2", 6, "a password within the value of `host`"),
    ("host=db.example user=mon password=Hunter2 service=nowhere", 51, "no service file defines the service"),
];

/// Odd, but libpq takes them: with these the exporter starts, and some of them reach a server.
#[rustfmt::skip]
const ODD: [(&str, bool); 12] = [
    ("postgres://postgres:Hun%40ter2@{h}/postgres", true),
    ("postgres://postgres:Hun?ter2@{h}/postgres", true),
    ("postgres://postgres:Hunter2@{h}/postgres?sslmode=disable&", true),
    ("postgres://{h}/postgres?user=postgres&password=Hunter2&sslpassword=Hunter2", true),
    ("postgres://postgres:Hunter2@127.0.0.1:1,{h}/postgres", true),
    ("host=127.0.0.1 port={port} user = postgres dbname='postgres' password = 'Hun ter2'", true),
    ("password='Hun ter2'host=127.0.0.1 port={port} user=postgres dbname=postgres", true),
    ("host=127.0.0.1 port={port} user=postgres password=Hun=ter2 options='-c ext.key=Hunter2'", true),
    ("postgres://postgres:Hunter2@{h}/no_such_database", false),
    ("postgres://nobody:Hunter2@{h}/postgres", false),
    ("postgres://postgres:Hunter2@127.0.0.1:1/postgres", false),
    ("postgres://postgres:Hunter2@{h}/postgres?sslmode=require", false),
];

fn filled(text: &str) -> String {
    let port = shared(newest_major()).port();
    text.replace("{h}", &format!("127.0.0.1:{port}"))
        .replace("{port}", &port.to_string())
}

#[track_caller]
fn assert_hidden(url: &str, shown: &str) {
    let shown = shown.to_lowercase();
    for fragment in FRAGMENTS {
        assert!(
            !shown.contains(fragment),
            "{fragment:?} of {url:?} is in:\n{shown}"
        );
    }
}

/// One line that names the origin, the place and the mistake.
#[track_caller]
fn assert_clear(url: &str, origin: &str, byte: usize, words: &str, ended: &Ended) {
    assert_eq!(ended.status.code(), Some(1), "{url}: {}", ended.stderr);
    assert_eq!(ended.stdout, "", "{url}");
    let errors: Vec<_> = ended
        .stderr
        .lines()
        .filter(|line| line.contains("level=error") || line.starts_with("pg_exporter: "))
        .collect();
    assert_eq!(errors.len(), 1, "{url}: {}", ended.stderr);
    let place = format!("{origin}: connection string, byte {byte}: ");
    assert!(
        errors[0].contains(&place),
        "{url}: {place:?} is not in {}",
        errors[0]
    );
    // What holds a quote is escaped in logfmt.
    let said = errors[0].replace('\\', "");
    assert!(said.contains(words), "{url}: {words:?} is not in {said}");
    assert!(
        !said.contains("panicked") && !said.contains("src/"),
        "{url}: {said}"
    );
    assert_hidden(url, &format!("{}{}", ended.stdout, ended.stderr));
}

#[test]
fn sixty_malformed_ones_are_refused_with_their_place() {
    for (text, byte, words) in MALFORMED {
        let url = filled(text);
        let bare = Exporter::builder(env!("CARGO_BIN_EXE_pg_exporter"))
            .args(["--log.level=debug", "--web.listen-address=127.0.0.1:0"]);
        let by_flag = bare.clone().args(["--url", &*url]).run();
        assert_clear(&url, "--url", byte, words, &by_flag);
        let by_variable = bare.clone().env("PG_EXPORTER_URL", &url).arg("scrape").run();
        assert_clear(&url, "PG_EXPORTER_URL", byte, words, &by_variable);
    }
}

#[test]
fn odd_ones_start_and_show_no_password() {
    for (text, reaches) in ODD {
        let url = filled(text);
        let exporter = builder(&url).args(["--log.level=debug", "-T=2s"]).start();
        let state = if reaches { State::Primary } else { State::Down };
        wait_for_state(&exporter, state, SOON);
        let (page, _) = page_within(&exporter, 10.0);
        assert_eq!(
            page.value("pg_up", &[]),
            Some(f64::from(u8::from(reaches))),
            "{url}"
        );
        let mut shown = String::new();
        for path in [
            "/",
            "/metrics",
            "/explain",
            "/stat",
            "/stat?format=json",
            "/version",
            "/up",
            "/nothing",
            "/reload",
        ] {
            let _ = write!(shown, "{}", exporter.get(path).text());
        }
        assert!(exporter.terminate().success(), "{url}");
        let log = exporter.stderr();
        if !reaches {
            assert!(
                log.contains("scrape failed: "),
                "{url} fails with a reason: {log}"
            );
        }
        assert_hidden(&url, &format!("{shown}{log}{}", exporter.stdout()));
    }
}
