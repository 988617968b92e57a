//! The parameters that are words and numbers, and the defaults of TLS.

use std::path::Path;
use std::time::Duration;

use pg_exporter_schema::{TARGET_KEYS, Takes};

use super::{ConnInfo, TestEnvironment, parse, parse_ok};
use crate::postgres::conninfo::keywords::Keyword;
use crate::postgres::conninfo::{
    LoadBalanceHosts, RootCertificates, SslMode, SslNegotiation, TargetSessionAttrs, TlsVersion, Transport,
};

#[test]
fn sslmode_defaults_by_place() {
    let cases = [
        ("", SslMode::Disable),
        ("postgres:///app", SslMode::Disable),
        ("postgres://:6432/app", SslMode::Disable),
        ("postgres://h/app", SslMode::Prefer),
        ("hostaddr=127.0.0.1", SslMode::Prefer),
        ("host=/tmp", SslMode::Prefer),
        ("host=''", SslMode::Disable),
        ("sslrootcert=system", SslMode::VerifyFull),
        ("host=h sslrootcert=system", SslMode::VerifyFull),
        ("postgres:///?sslmode=require", SslMode::Require),
        ("postgres://h?ssl=true", SslMode::Require),
        ("requiressl=1", SslMode::Require),
        ("requiressl=0", SslMode::Prefer),
        ("sslmode=allow", SslMode::Allow),
        ("sslmode=verify-ca", SslMode::VerifyCa),
        ("sslmode=verify-full", SslMode::VerifyFull),
    ];
    for (text, mode) in cases {
        assert_eq!(parse_ok(text).tls().mode, mode, "{text}");
    }
}

#[test]
fn a_mode_is_a_list_of_transports() {
    use Transport::{Plain, Tls, TlsIfOffered};
    let cases: [(&str, &[Transport]); 8] = [
        ("host=h sslmode=disable", &[Plain]),
        ("host=h sslmode=allow", &[Plain, Tls]),
        ("host=h sslmode=prefer", &[TlsIfOffered, Plain]),
        ("host=h sslmode=require", &[Tls]),
        ("host=h sslmode=verify-ca", &[Tls]),
        ("host=h sslmode=verify-full", &[Tls]),
        ("host=/tmp sslmode=verify-full", &[Plain]),
        ("host=/tmp hostaddr=127.0.0.1 sslmode=require", &[Tls]),
    ];
    for (text, transports) in cases {
        let info = parse_ok(text);
        assert_eq!(info.tls().transports(&info.hosts()[0]), transports, "{text}");
    }
}

#[test]
fn tls_files_default_to_the_home_directory() {
    let home = TestEnvironment::default().with_home(Path::new("/home/mon"));
    let tls = ConnInfo::parse("host=h", &home).unwrap().tls().clone();
    assert_eq!(
        tls.roots,
        RootCertificates::HomeFile(Some("/home/mon/.postgresql/root.crt".into()))
    );
    let client = tls.client.unwrap();
    assert_eq!(
        client.certificate,
        Path::new("/home/mon/.postgresql/postgresql.crt")
    );
    assert_eq!(client.key, Path::new("/home/mon/.postgresql/postgresql.key"));
    assert!(client.key_password.is_none());

    let text = "sslrootcert=/r.crt sslcert=/c.crt sslkey=/c.key sslpassword=Hunter2 sslsni=0";
    let tls = parse_ok(text).tls().clone();
    assert_eq!(tls.roots, RootCertificates::File("/r.crt".into()));
    assert!(!tls.sends_name);
    let printed = format!("{tls:?}");
    assert!(!printed.contains("Hunter2"), "{printed}");
    let client = tls.client.unwrap();
    assert_eq!(
        (client.certificate.as_path(), client.key.as_path()),
        (Path::new("/c.crt"), Path::new("/c.key"))
    );
    assert_eq!(client.key_password.unwrap().expose(), b"Hunter2");

    assert!(
        parse_ok("host=h").tls().client.is_none(),
        "without a home directory"
    );
    assert!(
        ConnInfo::parse("sslcertmode=disable", &home)
            .unwrap()
            .tls()
            .client
            .is_none()
    );
}

#[test]
fn versions_and_negotiation() {
    let tls = parse_ok("host=h").tls().clone();
    assert_eq!(
        (tls.min_version, tls.max_version),
        (TlsVersion::Tls12, TlsVersion::Tls13)
    );
    assert_eq!(tls.negotiation, SslNegotiation::Postgres);
    let tls = parse_ok("ssl_min_protocol_version=TLSv1 ssl_max_protocol_version=tlsv1.2")
        .tls()
        .clone();
    assert_eq!(
        (tls.min_version, tls.max_version),
        (TlsVersion::Tls12, TlsVersion::Tls12)
    );
    let tls = parse_ok("ssl_min_protocol_version=TLSv1.3 sslnegotiation=direct sslmode=require")
        .tls()
        .clone();
    assert_eq!(
        (tls.min_version, tls.negotiation),
        (TlsVersion::Tls13, SslNegotiation::Direct)
    );
    parse("ssl_max_protocol_version=TLSv1.1").unwrap_err();
}

#[test]
fn choices_among_servers() {
    use TargetSessionAttrs::{Any, PreferStandby, Primary, ReadOnly, ReadWrite, Standby};
    let words = [
        ("any", Any),
        ("read-write", ReadWrite),
        ("read-only", ReadOnly),
        ("primary", Primary),
        ("standby", Standby),
        ("prefer-standby", PreferStandby),
    ];
    for (word, expected) in words {
        assert_eq!(
            parse_ok(&format!("target_session_attrs={word}")).target_session_attrs(),
            expected
        );
    }
    assert_eq!(parse_ok("").target_session_attrs(), Any);
    assert_eq!(parse_ok("").load_balance_hosts(), LoadBalanceHosts::Disable);
    assert_eq!(
        parse_ok("load_balance_hosts=random").load_balance_hosts(),
        LoadBalanceHosts::Random
    );
}

#[test]
fn connect_timeout_is_in_seconds_and_zero_is_none() {
    let cases = [
        ("connect_timeout=3", Some(3)),
        ("connect_timeout=' +1 '", Some(1)),
        ("connect_timeout=0", None),
        ("connect_timeout=-1", None),
        ("", None),
    ];
    for (text, seconds) in cases {
        assert_eq!(
            parse_ok(text).connect_timeout(),
            seconds.map(Duration::from_secs),
            "{text}"
        );
    }
    for text in [
        "connect_timeout=",
        "connect_timeout=3s",
        "connect_timeout=99999999999",
    ] {
        parse(text).unwrap_err();
    }
}

#[test]
fn what_cannot_be_done_is_refused_unless_it_asks_for_nothing() {
    for text in [
        "require_auth=''",
        "requirepeer=''",
        "gssencmode=prefer",
        "gssencmode=disable",
        "replication=false",
        "min_protocol_version=3.0",
        "max_protocol_version=latest",
        "max_protocol_version=3.2",
        "require_auth=!password,!md5",
        "sslcompression=1",
        "client_encoding=auto",
        "krbsrvname=postgres",
    ] {
        parse_ok(text);
    }
    for text in [
        "requirepeer=postgres",
        "sslcrl=/crl",
        "sslcrldir=/crl",
        "gssencmode=require",
        "gssencmode=x",
        "replication=database",
        "min_protocol_version=3.2",
        "sslcertmode=require",
        "oauth_issuer=x",
        "sslkeylogfile=/keys",
    ] {
        let message = parse(text).unwrap_err().to_string();
        assert!(message.contains("is not supported"), "{text}: {message}");
    }
    // As by libpq: an empty word is none, and a wrong one is a mistake even where nothing depends on it.
    for text in [
        "gssencmode=''",
        "min_protocol_version=''",
        "max_protocol_version=''",
        "max_protocol_version=bogus",
        "max_protocol_version=3.1",
    ] {
        let message = parse(text).unwrap_err().to_string();
        assert!(message.contains("is not valid; expected"), "{text}: {message}");
    }
}

/// A targets file takes each of them, so that nobody has to write a URL for one; what is refused is refused with its advice.
#[test]
fn each_is_a_key_of_targets() {
    for keyword in Keyword::ALL {
        let name = keyword.name();
        let key = TARGET_KEYS.iter().find(|key| key.name == name);
        let key = key.unwrap_or_else(|| panic!("`{name}` is no key of a target"));
        // It has a key of the exporter's own, with units.
        assert_eq!(key.is_libpq, *keyword != Keyword::ConnectTimeout, "{name}");
        assert_eq!(keyword.is_secret(), key.takes == Takes::Secret, "{name}");
    }
}
