//! nginx as a reverse proxy in front of the exporter.

use std::thread;

use pg_exporter_lab::{Exporter, Nginx, Page, promtool_check};

use crate::support::{Folder, SOON, on_server};

fn exporter() -> Exporter {
    let exporter = on_server().start();
    exporter.wait_for_status("/primary", 200, SOON);
    let _ = exporter.scrape();
    exporter
}

/// Every kind of page, plain and compressed, as it is without nginx.
fn check(nginx: &Nginx) {
    for (path, status, body) in [
        ("/primary", 200, "primary"),
        ("/replica", 404, "primary"),
        ("/replica?lag=x", 400, ""),
        ("/nothing", 404, ""),
    ] {
        let answer = nginx.get(path, &[]);
        assert_eq!(answer.status, status, "{path}");
        assert!(
            body.is_empty() || answer.text() == body,
            "{path}: {}",
            answer.text()
        );
    }
    let plain = nginx.get("/metrics", &[]);
    assert_eq!((plain.status, plain.header("content-encoding")), (200, None));
    let packed = nginx.get("/metrics", &[("Accept-Encoding", "gzip")]);
    assert_eq!(
        packed.header("content-encoding"),
        Some("gzip"),
        "it is passed on as it is"
    );
    for page in [plain.text(), packed.text()] {
        assert!(promtool_check(&page).parses);
        assert_eq!(Page::parse(&page).value("pg_up", &[]), Some(1.0));
    }
    let post = pg_exporter_lab::http::request(nginx.port(), "POST", "/reload", &[("Content-Length", "0")]);
    assert_eq!(post.unwrap().status, 200);
    let head = pg_exporter_lab::http::request(nginx.port(), "HEAD", "/metrics", &[]).unwrap();
    assert_eq!(head.status, 200);
    // nginx reports an upstream that breaks its rules.
    let log = nginx.log();
    assert!(!log.contains("[error]") && !log.contains("[warn]"), "{log}");
}

fn connections(exporter: &Exporter) -> f64 {
    exporter
        .scrape()
        .value("pg_exporter_http_connections", &[])
        .unwrap()
}

/// As it is without any further directive: HTTP/1.0 and a connection for each request.
#[test]
fn http_1_0_to_the_upstream() {
    let exporter = exporter();
    let nginx = Nginx::start(&format!("server 127.0.0.1:{};", exporter.port()), "");
    check(&nginx);
    assert_eq!(connections(&exporter), 1.0, "only the scrape's own");
}

#[test]
fn connections_are_kept_to_the_upstream() {
    let exporter = exporter();
    let upstream = format!("server 127.0.0.1:{}; keepalive 4;", exporter.port());
    let location = "proxy_http_version 1.1; proxy_set_header Connection '';";
    let nginx = Nginx::start(&upstream, location);
    check(&nginx);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..200 {
                    assert_eq!(nginx.get("/primary", &[]).status, 200);
                }
            });
        }
    });
    let kept = connections(&exporter) - 1.0;
    assert!((1.0..=4.0).contains(&kept), "{kept} connections are kept");
    assert_eq!(nginx.log().matches("[error]").count(), 0, "{}", nginx.log());
}

#[test]
fn a_unix_socket_as_the_upstream() {
    let folder = Folder::new();
    let socket = folder.at("web.sock");
    let address = format!("unix:{}", socket.display());
    let exporter = on_server()
        .arg(format!("--web.listen-address={address}?mode=666"))
        .start();
    exporter.wait_for_status("/primary", 200, SOON);
    let nginx = Nginx::start(
        &format!("server {address}; keepalive 2;"),
        "proxy_http_version 1.1; proxy_set_header Connection '';",
    );
    check(&nginx);
}

/// nginx compresses what is not: the exporter's page through it is the same page.
#[test]
fn nginx_may_compress_by_itself() {
    let exporter = exporter();
    let location = "proxy_set_header Accept-Encoding ''; gzip on; gzip_proxied any; gzip_types *;";
    let nginx = Nginx::start(&format!("server 127.0.0.1:{};", exporter.port()), location);
    let packed = nginx.get("/metrics", &[("Accept-Encoding", "gzip")]);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(Page::parse(&packed.text()).value("pg_up", &[]), Some(1.0));
}
