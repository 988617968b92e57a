use std::collections::BTreeMap;
use std::time::SystemTime;

use pg_exporter_schema::Collector;

use super::*;
use crate::catalog::plan::Verdict;
use crate::postgres::failure::Failure;
use crate::scrape::{CollectorOverview, DatabaseOverview, Encoding, Format, Run, Selection, ServerOverview};

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
async fn reports_in_text_and_json() {
    let server = Server::start(Told::default());
    for (path, text) in [("/explain", ""), ("/stat", "Collector Statistics:\n")] {
        let response = server.get(path).await;
        assert_eq!((response.status, response.text()), (200, text), "{path}");
        let response = server.ask("GET", path, "Accept: application/json\r\n").await;
        assert_eq!(
            (response.header("content-type"), response.text()),
            (Some("application/json"), "[]\n")
        );
    }
    let server = Server::start(Told {
        overview: None,
        ..Told::default()
    });
    assert_eq!(server.get("/stat").await.status, 503);
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

#[tokio::test(flavor = "local")]
async fn the_page_for_people_shows_all_and_escapes_it() {
    let collector = CollectorOverview {
        name: "pg_db".to_owned(),
        branch: "pg_db_14".to_owned(),
        state: "failed",
        duration: 0.0025,
        age: Some(12.0),
        series: 42,
        executions: 5,
        errors: 3,
        last_error: Some(Failure::timeout("57014 <script>alert(1)</script>")),
        ..CollectorOverview::default()
    };
    let database = DatabaseOverview {
        name: "\"><img src=x>".to_owned(),
        version: 150_018,
        error: Some("a & b".to_owned()),
        collectors: vec![collector],
        ..DatabaseOverview::default()
    };
    let server = Server::start(Told {
        overview: Some(Overview {
            server: ServerOverview {
                version: 150_018,
                user: "monitor".to_owned(),
                ..ServerOverview::default()
            },
            databases: vec![database],
            collectors: COLLECTORS.iter().cloned().map(Arc::new).collect(),
            ..Overview::default()
        }),
        ..Told::default()
    });
    server.backend.snapshot.lock().unwrap().reason = Some("<b>because</b>".into());
    let response = server.get("/").await;
    assert_eq!(
        (response.status, response.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    assert!(
        response
            .header("content-security-policy")
            .unwrap()
            .starts_with("default-src 'none'")
    );
    let html = response.text();
    for shown in [
        "href=\"./collector/pg_db\"",
        "failed",
        "2.5 ms",
        "12 s",
        ">42<",
        ">3<",
        "a &#38; b",
        "primary",
        "href=\"./metrics\"",
        "<bdi>db.example.com:5432/app</bdi>",
        "PostgreSQL 15.18",
    ] {
        assert!(html.contains(shown), "{shown} in {html}");
    }
    let ours = [
        include_str!("../../../templates/page.js"),
        include_str!("../../../templates/page.css"),
    ];
    let rest = ours
        .iter()
        .fold(html.to_owned(), |html, text| html.replace(text, ""));
    for evil in [
        "<script>alert",
        "<img",
        "<b>",
        "https:",
        " src=",
        "style=",
        " onerror=",
    ] {
        assert!(
            !rest.replace("&#60;img src=x&#62;", "").contains(evil),
            "{evil} in {rest}"
        );
    }
}

/// Every collector on each of many databases, all with the longest history and an error.
fn crowd(databases: usize) -> Overview {
    let collector = |definition: &Collector| CollectorOverview {
        name: definition.name.to_string(),
        branch: definition.branch.to_string(),
        state: "failed",
        recent: [0.001, 0.02, 0.003, 0.9].repeat(6),
        duration: 0.9,
        executions: 1_000_000,
        errors: 1000,
        series: 1_000_000,
        last_error: Some(Failure::timeout("canceling statement due to statement timeout")),
        last_failed: Some(SystemTime::now()),
        ..CollectorOverview::default()
    };
    // One branch of each is installed.
    let branches: BTreeMap<_, _> = COLLECTORS.iter().map(|one| (&*one.name, one)).collect();
    let collectors: Vec<_> = branches.into_values().map(collector).collect();
    let database = |number| DatabaseOverview {
        name: format!("a_database_of_a_tenant_{number}"),
        version: 180_004,
        up: Some(false),
        error: Some("the connection was refused".to_owned()),
        verdicts: vec![Some(Verdict::Active); COLLECTORS.len()],
        collectors: collectors.clone(),
        ..DatabaseOverview::default()
    };
    let run = Run {
        ended: SystemTime::now(),
        took: Duration::from_millis(250),
        up: true,
        failures: 1,
    };
    Overview {
        runs: vec![run; 120],
        collectors: COLLECTORS.iter().cloned().map(Arc::new).collect(),
        databases: (0..databases).map(database).collect(),
        ..Overview::default()
    }
}

#[tokio::test(flavor = "local")]
async fn the_pages_do_not_grow_with_the_databases() {
    let server = Server::start(Told {
        overview: Some(crowd(300)),
        ..Told::default()
    });
    let home = server.get("/").await;
    assert!(
        home.text()
            .contains("failed</span> <span class=\"soft\">on 300 databases")
    );
    assert!(home.text().contains("and 288 more"));
    assert!(home.body.len() < 150_000, "{} bytes", home.body.len());
    let all = server.get("/?databases=all").await;
    assert!(all.text().contains("a_database_of_a_tenant_299"));
    assert!(all.body.len() < 300_000, "{} bytes", all.body.len());
    let one = server.get("/collector/pg_table").await;
    assert!(one.text().contains("and 200 more databases"));
    assert!(one.body.len() < 200_000, "{} bytes", one.body.len());
}

#[tokio::test(flavor = "local")]
async fn a_collector_has_a_page_even_if_the_scrape_thread_is_gone() {
    let server = Server::start(Told {
        overview: None,
        ..Told::default()
    });
    let page = server.get("/collector/pg_table").await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("The scrape thread does not answer.") && page.text().contains("SELECT"));
    for path in [
        "/collector/",
        "/collector/pg_table/",
        "/collector/pg_tabl",
        "/collector/pg%5Ftable",
        "/collector/%zz",
    ] {
        let page = server.get(path).await;
        assert_eq!(page.status, 404, "{path}");
        assert!(page.text().contains("../collector/pg_table\""), "{path}");
    }
}

/// What is known of a server of so many databases.
fn large(databases: usize) -> Overview {
    let collector = |number: usize| CollectorOverview {
        name: format!("collector_{number}"),
        branch: format!("collector_{number}"),
        state: "ok",
        executions: 3,
        ..CollectorOverview::default()
    };
    let collectors: Vec<_> = (0..90).map(collector).collect();
    let databases = (0..databases).map(|number| DatabaseOverview {
        name: format!("db{number}\n{number}"),
        collectors: collectors.clone(),
        ..DatabaseOverview::default()
    });
    Overview {
        databases: databases.collect(),
        ..Overview::default()
    }
}

/// A report of tens of megabytes is made beside health, not before it.
#[tokio::test(flavor = "local")]
async fn health_is_answered_while_large_pages_are_made() {
    let server = Server::start(Told {
        overview: Some(large(300)),
        ..Told::default()
    });
    for path in [
        "/stat?format=json",
        "/stat?databases=all",
        "/stat",
        "/explain",
        "/",
    ] {
        let page = server.get(path);
        let mut page = std::pin::pin!(page);
        let (mut answered, mut longest) = (0, Duration::ZERO);
        let page = loop {
            let begun = Instant::now();
            tokio::select! {
                page = &mut page => break page,
                health = server.get("/primary") => assert_eq!(health.status, 200),
            }
            answered += 1;
            longest = longest.max(begun.elapsed());
        };
        assert_eq!(page.status, 200, "{path}");
        eprintln!(
            "{path}: {} bytes, {answered} times health meanwhile, at most {longest:?}",
            page.body.len()
        );
        if page.body.len() > 5 << 20 {
            assert!(answered > 3, "{path}: {answered}");
        }
    }
}

#[tokio::test(flavor = "local")]
async fn reports_are_of_what_is_asked_for() {
    let server = Server::start(Told {
        overview: Some(large(150)),
        ..Told::default()
    });
    let stat = server.get("/stat").await;
    assert!(
        stat.text()
            .contains("\n  and 50 more databases; all of them: ?databases=all\n")
    );
    assert!(
        stat.text().contains("  collector_0 (db0\\n0):\n"),
        "names stay on their line"
    );
    let all = server.get("/stat?databases=all").await;
    assert!(all.text().contains("(db149\\n149)") && !all.text().contains("more databases"));
    for path in ["/stat", "/explain"] {
        let unknown = server.get(&format!("{path}?collect[]=nothing")).await;
        assert_eq!(unknown.status, 400, "{path}");
        assert!(
            unknown
                .text()
                .starts_with("there is no collector `nothing`; there are pg")
        );
    }
    let some = server.get("/explain?collect[]=pg_db&collect[]=pg_lock").await;
    assert!(
        some.text().is_empty(),
        "the overview has other collectors: {}",
        some.text()
    );
}
