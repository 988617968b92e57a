//! The page of metrics, what answers of every path have in common, `/reload` and `/version`.

use super::*;
use crate::scrape::{Encoding, Format, Selection};

#[tokio::test(flavor = "local")]
async fn metrics_are_the_pages_chunks() {
    let server = Server::start(Told::default());
    let response = server.get("/metrics").await;
    assert_eq!(
        (response.status, response.text()),
        (200, "pg_up 1\npg_version 150018\n")
    );
    assert_eq!(
        response.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert_eq!(response.header("content-length"), Some("26"));
    assert_eq!(
        (
            response.header("content-encoding"),
            response.header("transfer-encoding")
        ),
        (None, None)
    );
    let head = server.ask("HEAD", "/metrics", "").await;
    assert_eq!(
        (head.status, head.text(), head.header("content-length")),
        (200, "", Some("26"))
    );
}

#[tokio::test(flavor = "local")]
async fn a_large_page_arrives_whole() {
    let chunk = Bytes::from(vec![b'x'; 100_000]);
    let server = Server::start(Told {
        page: vec![chunk; 200],
        ..Told::default()
    });
    let response = server.get("/metrics").await;
    assert_eq!(response.body.len(), 20_000_000);
    assert_eq!(response.header("content-length"), Some("20000000"));
}

#[tokio::test(flavor = "local")]
async fn what_prometheus_sends() {
    let server = Server::start(Told::default());
    let before = Instant::now();
    let headers = "User-Agent: Prometheus/2.42.0+ds\r\nAccept: application/openmetrics-text;version=1.0.0,\
         application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n\
         Accept-Encoding: gzip\r\nX-Prometheus-Scrape-Timeout-Seconds: 0.9\r\n";
    let response = server.ask("GET", "/metrics", headers).await;
    assert_eq!(
        (response.status, response.header("content-encoding")),
        (200, Some("gzip"))
    );
    assert_eq!(response.header("vary"), Some("Accept, Accept-Encoding"));
    assert_eq!(
        response.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let asked = server.backend.asked.lock().unwrap().remove(0);
    assert_eq!(
        (asked.format, asked.encoding),
        (Format::OpenMetrics, Encoding::Gzip)
    );
    let time = asked.deadline - before;
    assert!(
        (Duration::from_millis(810)..Duration::from_millis(900)).contains(&time),
        "{time:?}"
    );
}

#[tokio::test(flavor = "local")]
async fn a_scrape_thread_that_is_gone_or_stuck_is_said_so() {
    let server = Server::start(Told {
        overview: None,
        ..Told::default()
    });
    let response = server.get("/metrics").await;
    assert_eq!(
        (response.status, response.text()),
        (503, "the scrape thread has ended\n")
    );
    assert!(
        server
            .get("/")
            .await
            .text()
            .contains("The scrape thread does not answer.")
    );

    let server = Server::start(Told {
        page_time: Duration::from_secs(60),
        ..Told::default()
    });
    let response = server
        .ask("GET", "/metrics", "X-Prometheus-Scrape-Timeout-Seconds: 0.3\r\n")
        .await;
    assert_eq!(
        (response.status, response.text()),
        (503, "the scrape thread did not answer in time\n")
    );
}

#[tokio::test(flavor = "local")]
async fn health_answers_do_not_wait_for_a_scrape() {
    let server = Server::start(Told {
        page_time: Duration::from_secs(2),
        ..Told::default()
    });
    let started = Instant::now();
    let scrape = server.get("/metrics");
    let probes = async {
        for _ in 0..20 {
            assert_eq!(server.get("/up").await.status, 200);
        }
        started.elapsed()
    };
    let (page, probed) = tokio::join!(scrape, probes);
    assert_eq!(page.status, 200);
    assert!(probed < Duration::from_secs(1), "{probed:?}");
}

#[tokio::test(flavor = "local")]
async fn a_page_is_about_the_collectors_asked_for() {
    let server = Server::start(Told::default());
    let path = "/metrics?x=y&collect%5B%5D=pg_db&collect[]=pg_table&exclude[]=pg_table";
    assert_eq!(server.get(path).await.status, 200);
    let asked = server.backend.asked.lock().unwrap().remove(0);
    let expected = Selection::new(["pg_db", "pg_table"].map(String::from), ["pg_table".to_owned()]);
    assert_eq!(asked.selection, expected);
    let unknown = server.get("/metrics?exclude[]=pg_dd").await;
    assert_eq!(unknown.status, 400);
    let text = unknown.text();
    assert!(
        text.starts_with("there is no collector `pg_dd`; there are ") && text.contains(" pg_db "),
        "{text}"
    );
    assert!(
        server.backend.asked.lock().unwrap().is_empty(),
        "nothing is scraped"
    );
}

#[tokio::test(flavor = "local")]
async fn a_page_of_another_site_cannot_reload() {
    let server = Server::start(Told::default());
    for (site, status) in [("cross-site", 403), ("same-origin", 200), ("none", 200)] {
        let header = format!("Sec-Fetch-Site: {site}\r\n");
        for method in ["GET", "POST"] {
            let response = server.ask(method, "/reload", &header).await;
            assert_eq!(response.status, status, "{method} {site}: {}", response.text());
        }
    }
}

#[tokio::test(flavor = "local")]
async fn reload_answers_as_the_contract_has_it() {
    let server = Server::start(Told::default());
    for method in ["GET", "POST"] {
        let response = server.ask(method, "/reload", "").await;
        assert_eq!(
            (response.status, response.header("content-type")),
            (200, Some("application/json"))
        );
        let start = r#"{"status":"success","message":"Configuration reloaded successfully","timestamp":""#;
        let rest = response.text().strip_prefix(start).unwrap();
        let (time, rest) = rest.split_once('"').unwrap();
        assert!(time.len() == 20 && time.ends_with('Z'), "{time}");
        assert_eq!(rest, r#", "changed":{"added":[],"removed":[],"modified":[]}}"#);
    }
    let dry = server.get("/reload?dry_run=1").await;
    assert!(dry.text().contains("nothing was changed"), "{}", dry.text());
    let unclear = server.get("/reload?dry_run=perhaps").await;
    assert_eq!(unclear.status, 400, "{}", unclear.text());
    for method in ["HEAD", "PUT", "DELETE"] {
        let response = server.ask(method, "/reload", "").await;
        assert_eq!(
            (response.status, response.header("allow")),
            (405, Some("GET, POST, OPTIONS")),
            "{method}"
        );
    }
    assert_eq!(server.ask("OPTIONS", "/reload", "").await.status, 200);
    assert_eq!(server.ask("POST", "/stat", "").await.status, 405);
}

#[tokio::test(flavor = "local")]
async fn version_in_text_and_json() {
    let server = Server::start(Told::default());
    let response = server.get("/version").await;
    assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
    for name in [
        "version",
        "revision",
        "branch",
        "rustc",
        "builddate",
        "target",
        "distribution",
    ] {
        assert!(
            response
                .text()
                .lines()
                .any(|line| line.starts_with(&format!("{name}: "))),
            "{name}"
        );
    }
    for (path, headers) in [
        ("/version?format=json", ""),
        ("/version", "Accept: application/json\r\n"),
    ] {
        let response = server.ask("GET", path, headers).await;
        assert_eq!(response.header("content-type"), Some("application/json"));
        let json: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(json.as_object().unwrap().len(), 7);
    }
}

#[tokio::test(flavor = "local")]
async fn unknown_paths_and_wrong_methods() {
    let server = Server::start(Told::default());
    for path in [
        "/nothing",
        "/primary/",
        "//primary",
        "/PRIMARY",
        "/%70rimary",
        "/metrics/x",
        "/..",
    ] {
        let response = server.get(path).await;
        assert_eq!(response.status, 404, "{path}");
        for known in ["/metrics", "/up", "/primary", "/replica", "/version"] {
            assert!(
                response.text().split_whitespace().any(|word| word == known),
                "{known} in {response:?}"
            );
        }
    }
    for path in ["/", "/metrics", "/up", "/primary", "/version"] {
        for method in ["POST", "PUT", "DELETE", "TRACE", "get", "BREW"] {
            let response = server.ask(method, path, "").await;
            assert_eq!(
                (response.status, response.header("allow")),
                (405, Some("GET, HEAD, OPTIONS")),
                "{method} {path}"
            );
        }
        let response = server.ask("OPTIONS", path, "").await;
        assert_eq!(
            (response.status, response.header("allow")),
            (200, Some("GET, HEAD, OPTIONS")),
            "{path}"
        );
    }
    assert_eq!(server.ask("POST", "/nothing", "").await.status, 404);
    assert_eq!(server.ask("OPTIONS", "*", "").await.status, 200);
}
