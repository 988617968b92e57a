//! The pages for people.

use std::collections::BTreeMap;
use std::time::SystemTime;

use pg_exporter_schema::Collector;

use super::*;
use crate::catalog::plan::Verdict;
use crate::postgres::failure::Failure;
use crate::scrape::{CollectorOverview, DatabaseOverview, Run, ServerOverview};

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
