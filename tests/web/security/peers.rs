//! Prometheus and HAProxy over TLS, with a password, as the documentation tells to set them up.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pg_exporter_lab::haproxy::Backend;
use pg_exporter_lab::prometheus::Prometheus;
use pg_exporter_lab::{Authority, Haproxy, wait_until};

use super::setup::{Site, TLS, user};
use crate::support::{SOON, on_server, server};

#[test]
fn prometheus_scrapes_over_tls_with_a_password() {
    let config = format!("{TLS}basic_auth_users:\n{}", user("prometheus", "s3cret"));
    let site = Site::start_from(&on_server(), &config);
    let prometheus = Prometheus::start_scraping(&format!(
        "{{job_name: lab, scheme: https, tls_config: {{ca_file: '{}'}}, \
         basic_auth: {{username: prometheus, password: s3cret}}, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}",
        site.file("ca.crt"),
        site.exporter.port()
    ));
    wait_until("Prometheus has scraped", SOON * 2, || {
        prometheus.query("pg_up == 1").contains("\"value\"")
    });
    assert!(
        prometheus
            .query("min_over_time(up[1m]) == 1")
            .contains("\"value\""),
        "no scrape failed"
    );
}

#[test]
fn haproxy_checks_over_tls_with_a_password() {
    let config = format!("{TLS}basic_auth_users:\n{}", user("haproxy", "s3cret"));
    let site = Site::start_from(&on_server(), &config);
    let check = |login: &str, authority: &str| {
        format!(
            "GET /primary\n    http-check send meth GET uri /primary hdr Authorization \"Basic {}\"\n    \
             default-server check-ssl verify required ca-file {authority}",
            STANDARD.encode(login)
        )
    };
    let backend = Backend {
        port: server().port(),
        check_port: site.exporter.port(),
    };
    let haproxy = Haproxy::start(&check("haproxy:s3cret", &site.file("ca.crt")), &[backend]);
    haproxy.wait_for_state(0, "UP", SOON);
    wait_until("a check has passed", SOON, || {
        haproxy.state(0).check_code == "200"
    });

    let wrong = Haproxy::start(&check("haproxy:wrong", &site.file("ca.crt")), &[backend]);
    wait_until("it is told why not", SOON, || wrong.state(0).check_code == "401");
    wrong.wait_for_state(0, "DOWN", SOON);

    site.folder
        .write("other.crt", &Authority::new("other").certificate);
    let strange = Haproxy::start(&check("haproxy:s3cret", &site.file("other.crt")), &[backend]);
    strange.wait_for_state(0, "DOWN", SOON);
    assert_eq!(
        strange.state(0).check_code,
        "",
        "no answer of one that it does not trust"
    );
}
