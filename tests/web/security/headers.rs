//! Headers of every answer, and the limit on requests.

use super::setup::{Site, TLS, user};

#[test]
fn configured_headers_are_on_every_answer() {
    let headers = "http_server_config:
  headers:
    Strict-Transport-Security: max-age=31536000
    X-Content-Type-Options: nosniff
    X-Frame-Options: deny
    X-XSS-Protection: '1; mode=block'
    Content-Security-Policy: \"default-src 'none'\"
";
    let site = Site::start(&format!("{TLS}{headers}basic_auth_users:\n{}", user("me", "pw")));
    for protocol in ["--http1.1", "--http2"] {
        for (path, status) in [
            ("/version", 200),
            ("/nowhere", 404),
            ("/metrics", 200),
            ("/up", 503),
        ] {
            let answer = site.https(path, &[protocol, "--user", "me:pw"]);
            assert_eq!(answer.status, status, "{path}");
            assert_eq!(
                answer.header("strict-transport-security"),
                Some("max-age=31536000")
            );
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            assert_eq!(answer.header("x-frame-options"), Some("deny"));
            assert_eq!(answer.header("x-xss-protection"), Some("1; mode=block"));
            assert_eq!(
                answer.header("content-security-policy"),
                Some("default-src 'none'")
            );
        }
        let answer = site.https("/version", &[protocol]);
        assert_eq!(
            (answer.status, answer.header("x-frame-options")),
            (401, Some("deny"))
        );
    }
}

/// Any other policy would keep the page from its own style and script; who may frame it is the operator's to say.
#[test]
fn a_page_for_people_keeps_its_own_policy() {
    let site = Site::start(
        "http_server_config:
  headers: { Content-Security-Policy: \"default-src 'self'\", X-Frame-Options: sameorigin }
",
    );
    for path in ["/", "/collector/pg_db", "/collector/nothing"] {
        let answer = site.http(path, &[]);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'; style-src 'sha256-"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("frame-ancestors"), "{path}: {policy}");
        assert_eq!(answer.header("x-frame-options"), Some("sameorigin"), "{path}");
    }
    let answer = site.http("/version", &[]);
    assert_eq!(
        answer.header("content-security-policy"),
        Some("default-src 'self'")
    );
}

#[test]
fn requests_above_the_limit_are_told_when_to_come_again() {
    let site = Site::start("rate_limit: { interval: 1h, burst: 5 }\n");
    // The start asked at least once.
    let statuses: Vec<u16> = (0..6).map(|_| site.http("/version", &[]).status).collect();
    assert!(
        statuses.contains(&200) && statuses.ends_with(&[429]),
        "{statuses:?}"
    );
    let answer = site.http("/liveness", &[]);
    let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(answer.status == 429 && (1..=3600).contains(&wait), "{answer:?}");

    let site = Site::start("http_server_config: { rate_limit: { interval: 0s, burst: 0 } }\n");
    assert!(
        (0..20).all(|_| site.http("/version", &[]).status == 200),
        "no interval, no limit"
    );
}
