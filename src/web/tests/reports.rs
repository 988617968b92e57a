//! `/explain` and `/stat`.

use super::*;
use crate::scrape::{CollectorOverview, DatabaseOverview};

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
