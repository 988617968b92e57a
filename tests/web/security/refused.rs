//! Options that cannot be had: each message says where it stands and what to do.

use pg_exporter::web::Security;
use pg_exporter_lab::{Authority, Exporter};

use super::certificates::server;
use super::setup::{Folder, TLS, without_server, write_pair};
use crate::support::PROGRAM;

fn folder() -> Folder {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    folder.write("ca.crt", &authority.certificate);
    write_pair(&folder, "server", &authority.pair(&server("server")));
    folder.write("other.key", &authority.pair(&server("other")).key);
    folder.write("empty", "");
    folder.write(
        "encrypted.key",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    folder
}

/// What is said to a file, without the path of its folder.
fn said(folder: &Folder, text: &str) -> String {
    let path = folder.write("web.yml", text);
    let error = Security::open(path.as_ref(), &pg_exporter::files::Files::default())
        .err()
        .map(|error| error.to_string());
    let root = format!("{}/", folder.path().display());
    error
        .unwrap_or_else(|| format!("taken: {text}"))
        .replace(&root, "")
}

#[test]
fn every_option_works_or_says_what_to_do() {
    let folder = folder();
    let tls = |options: &str| format!("{TLS}  {options}\n");
    let table = [
        (
            tls("min_version: TLS10"),
            "web.yml:4:16: `TLS10` of `min_version` is outdated and insecure, and not supported; write TLS12 or TLS13, or put a proxy in front",
        ),
        (
            tls("max_version: TLS11"),
            "web.yml:4:16: `TLS11` of `max_version` is outdated and insecure, and not supported; write TLS12 or TLS13, or put a proxy in front",
        ),
        (
            tls("min_version: 1.2"),
            "web.yml:4:16: `1.2` of `min_version` is no version of TLS; write TLS12 or TLS13",
        ),
        (
            tls("min_version: TLS13\n  max_version: TLS12"),
            "web.yml:5:16: `max_version` is below `min_version`; swap them, or leave one out",
        ),
        (
            tls("cipher_suites: [TLS_AES_128_GCM_SHA256]\n  max_version: TLS12"),
            "web.yml:2:3: `cipher_suites` has none for TLS 1.2, and `max_version` allows no other; add one, or write TLS13",
        ),
        (
            tls("curve_preferences: [X25519MLKEM768]"),
            "web.yml:4:23: `X25519MLKEM768` of `curve_preferences` is not supported by this build; write X25519, CurveP256 or CurveP384",
        ),
        (
            tls("curve_preferences: [P256]"),
            "web.yml:4:23: `P256` of `curve_preferences` is no curve that there is; write CurveP256, CurveP384, CurveP521 or X25519",
        ),
        (
            tls("client_auth_type: Maybe"),
            "web.yml:4:21: unknown client_auth_type `Maybe`; write one of NoClientCert, RequestClientCert, RequireAnyClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert",
        ),
        (
            tls("client_ca_file: ca.crt"),
            "web.yml:4:19: a client CA without a `client_auth_type` asks nothing of clients; write RequireAndVerifyClientCert",
        ),
        (
            tls("client_auth_type: RequireAndVerifyClientCert"),
            "web.yml:4:21: `RequireAndVerifyClientCert` verifies by a client CA; add `client_ca_file`",
        ),
        (
            tls("client_auth_type: RequestClientCert\n  client_allowed_sans: [a]"),
            "web.yml:5:25: `client_allowed_sans` needs a certificate to look at; write `client_auth_type: RequireAndVerifyClientCert`",
        ),
        (
            tls("client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: empty"),
            "web.yml:5:19: empty holds no usable certificate; expected PEM (-----BEGIN CERTIFICATE-----)",
        ),
        (
            TLS.replace("server.crt", "none"),
            "web.yml:2:14: none cannot be read: No such file or directory",
        ),
        (
            TLS.replace("server.crt", "server.key"),
            "web.yml:2:14: server.key holds no usable certificate; expected PEM (-----BEGIN CERTIFICATE-----)",
        ),
        (
            TLS.replace("server.key", "server.crt"),
            "web.yml:3:13: server.crt holds no usable private key; expected PEM (-----BEGIN PRIVATE KEY-----)",
        ),
        (
            TLS.replace("server.key", "encrypted.key"),
            "web.yml:3:13: encrypted.key holds an encrypted key, for which there is no pass phrase; decrypt it by `openssl pkey`",
        ),
        (
            TLS.replace("server.key", "other.key"),
            "web.yml:2:14: certificate and key cannot be used: keys may not be consistent: KeyMismatch",
        ),
        (
            "http_server_config: { headers: { Server: x } }".to_owned(),
            "web.yml:1:34: header `Server` cannot be configured; there are Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options, X-XSS-Protection, Content-Security-Policy",
        ),
        (
            "http_server_config: { headers: { X-Frame-Options: allow } }".to_owned(),
            "web.yml:1:51: bad value for `X-Frame-Options`; write deny or sameorigin",
        ),
        (
            "http_server_config: { headers: { Content-Security-Policy: \"a\\nb\" } }".to_owned(),
            "web.yml:1:59: bad value for `Content-Security-Policy`; write one line of printable characters",
        ),
        (
            "rate_limit: { interval: 1s }".to_owned(),
            "web.yml:1:1: `rate_limit` with an interval needs a `burst` from 1 to 1000000; 0 would refuse every request",
        ),
        (
            "rate_limit: { interval: soon, burst: 1 }".to_owned(),
            "web.yml:1:25: bad value for `interval`; write a duration such as 100ms or 1s",
        ),
        (
            "basic_auth_users: { me: s3cret }".to_owned(),
            "web.yml:1:25: the password of user `me` is no bcrypt hash; make one by `htpasswd -nBC 10 \"\" | tr -d ':\\n'`",
        ),
        (
            "basic_auth_users: { 'm:e': $2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi }"
                .to_owned(),
            "web.yml:1:21: user `m:e` can never log in: a name has no colon; choose another",
        ),
        (
            "basic_auth_users: { me: $2y$31$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi }"
                .to_owned(),
            "web.yml:1:25: the password of user `me` has a cost above 16, which takes seconds each time; make a hash of cost 10 to 12",
        ),
        (
            "tls_server_confg: {}".to_owned(),
            "web.yml:1:1: unknown key `tls_server_confg` in a web configuration file, did you mean `tls_server_config`?",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(said(&folder, &text), expected, "{text}");
    }
}

#[test]
fn suites_that_do_not_exist_are_told_from_those_that_should_not() {
    let folder = folder();
    for (suite, why) in [
        (
            "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
            "is not supported: it has no authenticated encryption",
        ),
        (
            "TLS_RSA_WITH_AES_128_GCM_SHA256",
            "is not supported: it has no forward secrecy",
        ),
        ("TLS_ECDHE_RSA_WITH_AES_512", "is no cipher suite that there is"),
    ] {
        let message = said(&folder, &format!("{TLS}  cipher_suites: [{suite}]\n"));
        let start = format!("web.yml:4:19: `{suite}` of `cipher_suites` {why}; there are TLS_");
        assert!(message.starts_with(&start), "{message}");
        assert!(
            message.contains("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
            "{message}"
        );
    }
    for suite in [
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
        "TLS_CHACHA20_POLY1305_SHA256",
    ] {
        let text = format!("{TLS}  cipher_suites: [{suite}]\n");
        assert!(said(&folder, &text).starts_with("taken"), "{suite}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_and_no_secret() {
    let folder = folder();
    let text = "tls_server_config:\n  cert_file: none\n  key_file: nothing\nbasic_auth_users:\n  a: s3cret\n  b: s3cret\n";
    let message = said(&folder, text);
    assert_eq!(message.lines().count(), 4, "{message}");
    assert!(!message.contains("s3cret"), "{message}");
}

#[test]
fn the_program_does_not_start_unprotected() {
    let folder = folder();
    let missing = format!("{}/missing.yml", folder.path().display());
    let broken = folder.write("broken.yml", "basic_auth_users: { me: s3cret }\n");
    for (path, said) in [
        (missing, "missing.yml: cannot be read: No such file"),
        (broken, "broken.yml:1:25: "),
    ] {
        let ended = without_server().arg(format!("--web.config.file={path}")).run();
        assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        assert!(
            ended.stderr.contains(said) && !ended.stderr.contains("s3cret"),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn check_reads_it_too() {
    let folder = folder();
    let good = folder.write("good.yml", TLS);
    let bad = folder.write("bad.yml", &TLS.replace("server.crt", "none"));
    let check = |path: &str| {
        Exporter::builder(PROGRAM)
            .args(["check", "--web.config.file", path])
            .run()
    };
    let ended = check(&good);
    assert_eq!(
        (ended.status.code(), ended.stdout.as_str()),
        (Some(0), ""),
        "{}",
        ended.stderr
    );
    let ended = check(&bad);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stdout.contains("bad.yml:2:14: "), "{}", ended.stdout);
}
