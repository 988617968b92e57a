//! Handshakes: versions, suites, curves, HTTP/2, and what is no handshake.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use super::setup::{Site, TLS, without_server};
use crate::support::SOON;

#[test]
fn the_exporter_speaks_tls() {
    let site = Site::start(TLS);
    let answer = site.https("/version", &[]);
    assert_eq!((answer.exit, answer.status), (0, 200), "{answer:?}");
    assert!(answer.text.contains("distribution: "), "{answer:?}");
    assert_eq!(site.https("/liveness", &["--http1.1", "--head"]).status, 200);
    let untrusting = super::curl::curl(&format!("https://127.0.0.1:{}/up", site.exporter.port()), &[]);
    assert_ne!(
        untrusting.exit, 0,
        "the certificate is its own, not one of the system's"
    );
}

#[test]
fn plain_http_is_told_what_is_wrong() {
    let site = Site::start(TLS);
    for method in ["GET", "HEAD", "POST", "OPTIONS"] {
        let answer = site.http("/up", &["--request", method]);
        assert_eq!(answer.status, 400, "{method}: {answer:?}");
        assert!(
            answer
                .text
                .contains("Client sent an HTTP request to an HTTPS server."),
            "{method}: {answer:?}"
        );
    }
    // Only whether it can connect.
    drop(TcpStream::connect(("127.0.0.1", site.exporter.port())).unwrap());
    // Neither TLS nor HTTP: an alert, and the end.
    let mut stream = TcpStream::connect(("127.0.0.1", site.exporter.port())).unwrap();
    stream.write_all(b"what is this?").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    let page = site.https("/metrics", &[]).text;
    let failures = "pg_exporter_http_tls_handshake_failures_total";
    let line = page.lines().find(|line| line.starts_with(failures)).unwrap();
    let count: f64 = line.rsplit_once(' ').unwrap().1.parse().unwrap();
    assert!(count >= 5.0, "{line}");
    let log = site.exporter.final_log();
    assert!(
        log.contains("TLS handshake failed: the client speaks plain HTTP"),
        "{log}"
    );
    assert!(!log.contains("eof"), "who only connects is no failure: {log}");
}

#[test]
fn a_silent_handshake_ends() {
    let site = Site::start(TLS);
    let mut stream = TcpStream::connect(("127.0.0.1", site.exporter.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // The first bytes of a handshake, and no more.
    stream.write_all(&[0x16, 3, 1]).unwrap();
    let begun = Instant::now();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_secs(4) && took < Duration::from_secs(30),
        "{took:?}"
    );
    assert_eq!(site.https("/liveness", &[]).status, 200);
}

#[test]
fn versions() {
    let clients = [
        ("1.2", ["--tlsv1.2", "--tls-max", "1.2"]),
        ("1.3", ["--tlsv1.3", "--tls-max", "1.3"]),
    ];
    let table = [
        ("", ["1.2", "1.3"].as_slice()),
        ("  min_version: TLS12\n  max_version: TLS13\n", &["1.2", "1.3"]),
        ("  min_version: TLS13\n", &["1.3"]),
        ("  max_version: TLS12\n", &["1.2"]),
    ];
    for (options, spoken) in table {
        let site = Site::start(&format!("{TLS}{options}"));
        for (version, arguments) in clients {
            let answer = site.https("/version", &arguments);
            let works = (answer.exit, answer.status) == (0, 200);
            assert_eq!(
                works,
                spoken.contains(&version),
                "{options:?}, TLS {version}: {answer:?}"
            );
        }
        let old = site.https(
            "/version",
            &["--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"],
        );
        assert!(
            old.exit != 0 && old.said.contains("alert"),
            "{options:?}: {old:?}"
        );
    }
}

/// The suite that was agreed on, as OpenSSL calls it.
fn suite(site: &Site, ciphers: &str) -> Option<String> {
    let answer = site.https(
        "/version",
        &["--verbose", "--tls-max", "1.2", "--ciphers", ciphers],
    );
    let (_, rest) = answer.said.split_once("SSL connection using TLSv1.2 / ")?;
    Some(rest.split_whitespace().next()?.to_owned())
}

#[test]
fn cipher_suites_and_whose_order_decides() {
    const SMALL: &str = "ECDHE-ECDSA-AES128-GCM-SHA256";
    const LARGE: &str = "ECDHE-ECDSA-AES256-GCM-SHA384";
    let small = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
    let large = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
    let both = format!("{SMALL}:{LARGE}");

    let site = Site::start(&format!("{TLS}  cipher_suites: [{small}]\n"));
    assert_eq!(suite(&site, &both).as_deref(), Some(SMALL));
    assert_eq!(suite(&site, LARGE), None);
    let newer = site.https("/version", &["--tlsv1.3"]);
    assert_eq!(
        newer.status, 200,
        "the suites of TLS 1.3 are not listed: {newer:?}"
    );

    let ordered = format!("{TLS}  cipher_suites: [{large}, {small}]\n");
    let site = Site::start(&ordered);
    assert_eq!(suite(&site, &both).as_deref(), Some(LARGE), "the server's order");
    let site = Site::start(&format!("{ordered}  prefer_server_cipher_suites: false\n"));
    assert_eq!(suite(&site, &both).as_deref(), Some(SMALL), "the client's order");

    let site = Site::start(&format!("{TLS}  cipher_suites: [TLS_AES_128_GCM_SHA256]\n"));
    assert_eq!(suite(&site, &both), None, "none of TLS 1.2 is listed");
    assert_eq!(site.https("/version", &[]).status, 200);
}

#[test]
fn curves() {
    let table = [
        ("  curve_preferences: [CurveP384]\n", ["P-384"].as_slice()),
        ("  curve_preferences: [CurveP521]\n", &["P-521"]),
        ("", &["X25519", "P-256", "P-384"]),
    ];
    for (options, spoken) in table {
        let site = Site::start(&format!("{TLS}{options}"));
        for curve in ["X25519", "P-256", "P-384", "P-521"] {
            let works = spoken.contains(&curve);
            let answer = site.https("/version", &["--curves", curve]);
            assert_eq!(answer.exit == 0, works, "{options:?}, {curve}: {answer:?}");
            // In TLS 1.2 they are of the certificate's curve, too.
            let both = match curve {
                "P-256" => curve.to_owned(),
                _ => format!("{curve}:P-256"),
            };
            let works = works || spoken.contains(&"P-256");
            let answer = site.https("/version", &["--curves", &both, "--tls-max", "1.2"]);
            assert_eq!(answer.exit == 0, works, "{options:?}, {both}: {answer:?}");
        }
    }
}

#[test]
fn http2_where_it_is_wanted() {
    let site = Site::start(TLS);
    for (arguments, version) in [(["--http2"].as_slice(), "2"), (&["--http1.1"], "1.1")] {
        let answer = site.https("/version", arguments);
        assert_eq!(
            (answer.status, answer.version.as_str()),
            (200, version),
            "{answer:?}"
        );
    }
    let answer = site.https("/nowhere", &["--http2", "--head"]);
    assert_eq!((answer.status, answer.version.as_str()), (404, "2"));
    let answer = site.https("/metrics", &["--http2", "--compressed"]);
    assert!(
        answer.status == 200 && answer.text.contains("pg_up 0"),
        "{answer:?}"
    );
    let answer = site.https("/reload", &["--http2", "--data", "a body that nobody reads"]);
    assert_eq!(answer.status, 200, "{answer:?}");

    let site = Site::start(&format!("{TLS}http_server_config: {{ http2: false }}\n"));
    assert_eq!(site.https("/version", &["--http2"]).version, "1.1");
}

#[test]
fn many_requests_at_once_on_one_connection() {
    let site = Site::start(TLS);
    let port = site.exporter.port();
    let urls: Vec<String> = (0..100)
        .map(|n| {
            format!(
                "https://127.0.0.1:{port}/{}",
                ["liveness", "version", "metrics", "up"][n % 4]
            )
        })
        .collect();
    let mut arguments = vec!["--http2", "--parallel", "--parallel-max", "50"];
    arguments.extend(urls.iter().map(String::as_str));
    let answer = site.https("/version", &arguments);
    assert_eq!(answer.exit, 0, "{}", answer.said);
    assert_eq!(
        answer.text.matches("HTTP/2 200").count(),
        76,
        "{}",
        answer.text.len()
    );
    assert_eq!(
        answer.text.matches("HTTP/2 503").count(),
        25,
        "the target is down"
    );
}

/// How a client says that it has said all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Farewell {
    /// By the word of TLS, its side stays open.
    Word,
    /// The same, and the end of its side.
    WordAndEnd,
    /// By the end of its side alone.
    End,
}

/// A connection to the site over TLS.
fn connected(
    site: &Site,
    version: &'static SupportedProtocolVersion,
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(site.authority.certificate.as_bytes()).unwrap();
    roots.add(authority).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", site.exporter.port())).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let client = ClientConnection::new(Arc::new(config), "127.0.0.1".try_into().unwrap()).unwrap();
    StreamOwned::new(client, stream)
}

#[test]
fn who_ends_its_side_is_answered() {
    // A target that says nothing, so that a page takes its time: its client has ended its side by then.
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("postgresql://nobody@{}/none", silent.local_addr().unwrap());
    let site = Site::start_from(&without_server().url(&url), TLS);
    for version in [&TLS12, &TLS13] {
        for farewell in [Farewell::Word, Farewell::WordAndEnd, Farewell::End] {
            for (path, status) in [("/metrics", 200), ("/primary", 503), ("/stat", 200), ("/", 200)] {
                let what = format!("{version:?} {farewell:?} {path}");
                let mut stream = connected(&site, version);
                write!(
                    stream,
                    "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                )
                .unwrap();
                if farewell != Farewell::End {
                    stream.conn.send_close_notify();
                }
                stream.flush().unwrap();
                if farewell != Farewell::Word {
                    stream.sock.shutdown(Shutdown::Write).unwrap();
                }
                let mut answer = String::new();
                let read = stream.read_to_string(&mut answer);
                assert!(
                    answer.contains(&format!(" {status} ")),
                    "{what}: {read:?} {answer:?}"
                );
                let (_, body) = answer.split_once("\r\n\r\n").unwrap();
                assert!(!body.is_empty(), "{what}");
            }
        }
    }
}
