//! What such a file may say, and what is said to the rest.
#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;
use crate::web::tls::Pem;

fn mistakes(text: &str) -> Vec<String> {
    match web_options(&Source::new("web.yml", text)) {
        Ok(_) => Vec::new(),
        Err(found) => found.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn every_key_is_read() {
    let text = "
tls_server_config:
  cert_file: a.crt
  key: |
    -----BEGIN
  client_ca_file: ca.crt
  client_auth_type: RequireAndVerifyClientCert
  client_allowed_sans: [a, b]
  cipher_suites: [S]
  curve_preferences: [C]
  min_version: TLS12
  max_version: TLS13
  prefer_server_cipher_suites: false
http_server_config:
  http2: false
  headers: { X-Frame-Options: deny, X-XSS-Protection: '' }
rate_limit: { interval: 1s, burst: 5 }
basic_auth_users: { me: $2y$hash, you: }
";
    let options = web_options(&Source::new("web.yml", text)).unwrap();
    let tls = options.tls.as_ref().unwrap();
    assert!(matches!(&tls.certificate, Pem::File(path) if path.value == "a.crt"));
    assert!(matches!(&tls.key, Pem::Inline(key) if key.value.expose_text() == Some("-----BEGIN\n")));
    assert_eq!(tls.client_allowed_sans.len(), 2);
    assert_eq!(
        tls.prefer_server_cipher_suites.as_ref().map(|at| at.value),
        Some(false)
    );
    assert_eq!(options.http2.as_ref().map(|at| at.value), Some(false));
    assert_eq!(options.headers.len(), 1, "an empty value unsets a header");
    assert_eq!(
        options.rate_limit.as_ref().unwrap().burst.as_ref().unwrap().value,
        5
    );
    assert_eq!(options.users.len(), 2);
    assert!(!format!("{options:?}").contains("$2y$"), "{options:?}");
    assert!(!format!("{options:?}").contains("BEGIN"), "{options:?}");
}

#[test]
fn nothing_is_asked_for_by_nothing() {
    for text in [
        "",
        "tls_server_config:",
        "tls_server_config: {}",
        "basic_auth_users: {}",
    ] {
        let options = web_options(&Source::new("web.yml", text)).unwrap();
        assert!(options.tls.is_none() && options.users.is_empty(), "{text}");
    }
}

#[test]
fn mistakes_name_their_place_and_what_to_write() {
    let table = [
        (
            "tls_server_config: { cert_file: a }",
            "web.yml:1:22: `tls_server_config` needs `key_file`, or `key` inline",
        ),
        (
            "tls_server_config: { cert_file: a, cert: b, key: c }",
            "web.yml:1:33: `cert_file` and `cert` exclude each other; leave one",
        ),
        (
            "tls_server_config:\n  cert_fil: a\n  cert: a\n  key: b",
            "web.yml:2:3: unknown key `cert_fil` in `tls_server_config`, did you mean `cert_file`?",
        ),
        (
            "basic_auth_user: {}",
            "web.yml:1:1: unknown key `basic_auth_user` in a web configuration file, did you mean `basic_auth_users`?",
        ),
        (
            "http_server_config: { http3: true }",
            "web.yml:1:23: unknown key `http3` in `http_server_config`, did you mean `http2`?",
        ),
        (
            "http_server_config: { http2: maybe }",
            "web.yml:1:30: bad value `maybe` for `http2`; write `true` or `false`",
        ),
        (
            "rate_limit: {}\nhttp_server_config: { rate_limit: {} }",
            "web.yml:2:23: a second `rate_limit`, the first is on line 1; leave one",
        ),
        (
            "basic_auth_users: { a: x, a: y }",
            "web.yml:1:27: duplicate key `a` in `basic_auth_users`, first on line 1; leave one",
        ),
        (
            "basic_auth_users: { a: [s3cret] }",
            "web.yml:1:24: `a` must be a text, not a list",
        ),
        (
            "- a",
            "web.yml:1:1: a web configuration file must be a map of `key: value`, not a list",
        ),
        ("a: [", "web.yml:1:4: not YAML: unclosed bracket '['"),
    ];
    for (text, expected) in table {
        assert_eq!(mistakes(text), [expected], "{text}");
    }
    assert_eq!(mistakes("tls_server_config: { min_version: TLS12 }").len(), 2);
}

/// The tables of keys are what the hints are made of; the parser must know the same.
#[test]
fn the_parser_knows_every_key_of_the_tables() {
    let cases = [
        (keys::TOP, "{ KEY: , ok: 1 }"),
        (keys::HTTP, "http_server_config: { KEY: , ok: 1 }"),
        (keys::RATE_LIMIT, "rate_limit: { KEY: , ok: 1 }"),
        (keys::TLS, "tls_server_config: { KEY: , ok: 1 }"),
    ];
    for (table, text) in cases {
        for key in table {
            let found = mistakes(&text.replace("KEY", key));
            let unknown = found.iter().filter(|found| found.contains("unknown key"));
            assert_eq!(unknown.count(), 1, "{key}: {found:?}");
        }
    }
}
