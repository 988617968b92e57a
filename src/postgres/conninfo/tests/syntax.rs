//! Both syntaxes, and how they are printed. Expectations are those of libpq 18.

use super::{hosts, parse_ok, password};

/// Text, user, password, hosts, database.
type Case = (
    &'static str,
    &'static str,
    Option<&'static str>,
    &'static [&'static str],
    &'static str,
);

const CASES: &[Case] = &[
    ("", "os_user", None, &["localhost:5432"], "os_user"),
    (" \t\u{b}", "os_user", None, &["localhost:5432"], "os_user"),
    ("postgres://", "os_user", None, &["localhost:5432"], "os_user"),
    (
        "postgresql:///?sslmode=disable",
        "os_user",
        None,
        &["localhost:5432"],
        "os_user",
    ),
    ("postgres:///app", "os_user", None, &["localhost:5432"], "app"),
    (
        "postgres://:6432/pgbouncer",
        "os_user",
        None,
        &["localhost:6432"],
        "pgbouncer",
    ),
    ("postgres://u@h", "u", None, &["h:5432"], "u"),
    ("postgresql://u:p@h:1/d", "u", Some("p"), &["h:1"], "d"),
    ("postgres://u:@h/d", "u", None, &["h:5432"], "d"),
    ("postgres://:p@h/d", "os_user", Some("p"), &["h:5432"], "d"),
    ("postgres://@h/d", "os_user", None, &["h:5432"], "d"),
    ("postgres://u:p:q@h/d", "u", Some("p:q"), &["h:5432"], "d"),
    ("postgres://u:p?q#r@h/d", "u", Some("p?q#r"), &["h:5432"], "d"),
    (
        "postgres://%75:%70%40%2F%3a@%68/%64%20e",
        "u",
        Some("p@/:"),
        &["h:5432"],
        "d e",
    ),
    (
        "postgres://u:p%C3%A9@h/d\u{e9}",
        "u",
        Some("p\u{e9}"),
        &["h:5432"],
        "d\u{e9}",
    ),
    ("postgres:// u:p@h/d ", "u", Some("p"), &["h:5432"], "d"),
    (
        "postgres://a:1,b:2,c/d",
        "os_user",
        None,
        &["a:1", "b:2", "c:5432"],
        "d",
    ),
    ("postgres://a,b:2/d", "os_user", None, &["a:5432", "b:2"], "d"),
    ("postgres://a%2Cb/d?port=7", "os_user", None, &["a:7", "b:7"], "d"),
    (
        "postgres://[::1]:7,[fe80::1%25eth0]/d",
        "os_user",
        None,
        &["::1:7", "fe80::1%eth0:5432"],
        "d",
    ),
    (
        "postgres://%2Frun%2Fpg/d",
        "os_user",
        None,
        &["/run/pg:5432"],
        "d",
    ),
    (
        "postgres:///d?host=/run/pg&port=7",
        "os_user",
        None,
        &["/run/pg:7"],
        "d",
    ),
    ("postgres://%40pg:7/d", "os_user", None, &["@pg:7"], "d"),
    (
        "postgres://u:p@h:1/d?user=v&password=q&host=i&port=2&dbname=e",
        "v",
        Some("q"),
        &["i:2"],
        "e",
    ),
    ("postgres://h/d?", "os_user", None, &["h:5432"], "d"),
    (
        "postgres://h/d?application_name=x&",
        "os_user",
        None,
        &["h:5432"],
        "d",
    ),
    ("postgres://h/d/e", "os_user", None, &["h:5432"], "d/e"),
    ("postgres://h?%64bname=x", "os_user", None, &["h:5432"], "x"),
    (
        "host=h port=1 user=u password=p dbname=d",
        "u",
        Some("p"),
        &["h:1"],
        "d",
    ),
    (" host = h\tport= 1\nuser =u ", "u", None, &["h:1"], "u"),
    (
        "user='a b' password='p\\'\\\\q' dbname=''",
        "a b",
        Some("p'\\q"),
        &["localhost:5432"],
        "a b",
    ),
    (
        "user=a\\ b password=p\\'q\\",
        "a b",
        Some("p'q"),
        &["localhost:5432"],
        "a b",
    ),
    ("user='u'password='p'", "u", Some("p"), &["localhost:5432"], "u"),
    (
        "password=p'q host=h",
        "os_user",
        Some("p'q"),
        &["h:5432"],
        "os_user",
    ),
    (
        "password=p=q@r:s host=h",
        "os_user",
        Some("p=q@r:s"),
        &["h:5432"],
        "os_user",
    ),
    ("user=u user=v", "v", None, &["localhost:5432"], "v"),
    ("host=a,b port=1,2", "os_user", None, &["a:1", "b:2"], "os_user"),
    (
        "host=a,/run/pg,@pg port=,2,",
        "os_user",
        None,
        &["a:5432", "/run/pg:2", "@pg:5432"],
        "os_user",
    ),
    (
        "host=a, port=' 1 '",
        "os_user",
        None,
        &["a:1", "localhost:1"],
        "os_user",
    ),
    (
        "hostaddr=127.0.0.1,::1",
        "os_user",
        None,
        &["?=127.0.0.1:5432", "?=::1:5432"],
        "os_user",
    ),
    (
        "host=a,b hostaddr=127.0.0.1, port=3",
        "os_user",
        None,
        &["a=127.0.0.1:3", "b:3"],
        "os_user",
    ),
    (
        "host=/run/pg hostaddr=127.0.0.1",
        "os_user",
        None,
        &["/run/pg=127.0.0.1:5432"],
        "os_user",
    ),
];

#[test]
fn both_syntaxes_are_read_as_libpq_reads_them() {
    for (text, user, secret, places, database) in CASES {
        let info = parse_ok(text);
        assert_eq!(info.user(), *user, "user of {text:?}");
        assert_eq!(password(&info).as_deref(), *secret, "password of {text:?}");
        assert_eq!(hosts(&info), *places, "hosts of {text:?}");
        assert_eq!(info.database(), *database, "database of {text:?}");
    }
}

#[test]
fn what_is_printed_reads_the_same_without_the_password() {
    for (text, user, secret, places, database) in CASES {
        let info = parse_ok(text);
        let again = parse_ok(&info.display());
        assert_eq!(again.user(), *user, "user of {text:?}");
        assert_eq!(hosts(&again), *places, "hosts of {text:?}");
        assert_eq!(again.database(), *database, "database of {text:?}");
        assert_eq!(
            password(&again),
            secret.map(|_| "********".to_owned()),
            "password of {text:?}"
        );
        assert_eq!(again.display(), info.display(), "{text:?} settles");
    }
}

#[test]
fn the_printed_form_keeps_the_syntax() {
    let cases = [
        (
            "postgres://u:p@h:1,[::1]/d?sslmode=require",
            "postgresql://u:********@h:1,[::1]/d?sslmode=require",
        ),
        (
            "postgres:///d?host=/run/pg&options=-cx%3Dy",
            "postgresql://%2Frun%2Fpg/d?options=********",
        ),
        ("postgres://?password=p", "postgresql://:********@"),
        (
            "postgres://h?sslpassword=p",
            "postgresql://h?sslpassword=********",
        ),
        (
            "user='a b' password=p host=h",
            "user='a b' password=******** host=h",
        ),
        ("user='a\\'b' dbname=''", "user='a\\'b' dbname=''"),
    ];
    for (text, printed) in cases {
        let info = parse_ok(text);
        assert_eq!(info.display(), printed);
        assert_eq!(format!("{info:?}"), format!("ConnInfo({printed:?})"));
    }
}

#[test]
fn another_database_changes_nothing_else() {
    for text in [
        "postgres://u:p@h:1/d?sslmode=require",
        "host=h port=1 user=u password=p dbname=d sslmode=require",
    ] {
        let other = parse_ok(text).with_database("a b/c");
        assert_eq!(other.database(), "a b/c");
        assert_eq!((other.user(), password(&other).as_deref()), ("u", Some("p")));
        assert_eq!(hosts(&other), ["h:1"]);
        assert_eq!(parse_ok(&other.display()).database(), "a b/c");
    }
}

#[test]
fn pgbouncer_is_recognised_by_the_exact_name() {
    for (text, expected) in [
        ("postgres://h:6432/pgbouncer", true),
        ("postgres://h:6432?dbname=pgbouncer", true),
        ("host=h dbname=pgbouncer", true),
        ("postgres://h/pgbouncer_stats", false),
        ("postgres://pgbouncer@h/app", false),
        ("postgres://h/PgBouncer", false),
    ] {
        assert_eq!(parse_ok(text).is_pgbouncer(), expected, "{text}");
    }
}
