//! `?collect[]=` and `?exclude[]=`: one exporter, a fast and a slow job.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Directory, clock, database, exporter};

fn scrape(exporter: &pg_exporter_lab::Exporter, query: &str) -> pg_exporter_lab::Page {
    let response = exporter.get(&format!("/metrics{query}"));
    assert_eq!(response.status, 200, "{}", response.text());
    pg_exporter_lab::Page::parse(&response.text())
}

#[test]
fn a_selection_restricts_what_is_run_and_served() {
    let url = database("selection");
    let directory = Directory::new(&[
        ("1.yml", &clock("fast", "")),
        ("2.yml", &clock("slow", "  ttl: 3600\n")),
        ("3.yml", &clock("none", "")),
    ]);
    let exporter = exporter(&url, &directory);
    let all = scrape(&exporter, "");
    let fast = scrape(&exporter, "?collect%5B%5D=fast");
    assert!(fast.value("fast_at", &[]) > all.value("fast_at", &[]));
    assert_eq!(
        (fast.value("slow_at", &[]), fast.value("none_at", &[])),
        (None, None)
    );
    assert_eq!(
        fast.value("pg_up", &[]),
        Some(1.0),
        "the exporter's own metrics stay"
    );
    let rest = scrape(&exporter, "?exclude[]=fast&exclude[]=none");
    assert_eq!(
        rest.value("slow_at", &[]),
        all.value("slow_at", &[]),
        "its cache is as it was"
    );
    assert_eq!(
        (rest.value("fast_at", &[]), rest.value("none_at", &[])),
        (None, None)
    );
    let after = scrape(&exporter, "");
    let count = |name: &str| after.value("pg_exporter_query_scrape_total_count", &[("query", name)]);
    assert_eq!(
        [count("fast"), count("slow"), count("none")],
        [Some(3.0), Some(3.0), Some(2.0)]
    );

    let unknown = exporter.get("/metrics?collect[]=fast&collect[]=quick");
    assert_eq!(
        (unknown.status, unknown.text().as_str()),
        (400, "there is no collector `quick`; there are fast none slow\n")
    );
}

#[test]
fn concurrent_jobs_get_their_own_pages() {
    let url = database("selection_concurrent");
    let slow = clock("slow", "").replace(" AS at", " AS at FROM pg_sleep(0.3)");
    let directory = Directory::new(&[("1.yml", &clock("fast", "")), ("2.yml", &slow)]);
    let exporter = exporter(&url, &directory);
    scrape(&exporter, "");
    let names =
        |page: &pg_exporter_lab::Page| ["fast_at", "slow_at"].map(|name| page.value(name, &[]).is_some());
    thread::scope(|scope| {
        for round in 0..12 {
            let (query, expected) = match round % 3 {
                0 => ("?collect[]=fast", [true, false]),
                1 => ("?exclude[]=fast", [false, true]),
                _ => ("", [true, true]),
            };
            let (exporter, names) = (&exporter, &names);
            scope.spawn(move || {
                for _ in 0..5 {
                    assert_eq!(names(&scrape(exporter, query)), expected, "{query}");
                }
            });
        }
    });
    assert_eq!(exporter.get("/metrics?collect[]=fast").status, 200);
}

#[test]
fn a_page_leaves_at_its_deadline_though_another_job_runs() {
    let url = database("selection_deadline");
    let slow = clock("slow", "").replace(" AS at", " AS at FROM pg_sleep(5)");
    let directory = Directory::new(&[("1.yml", &clock("fast", "  ttl: 3600\n")), ("2.yml", &slow)]);
    let exporter = exporter(&url, &directory);
    let first = scrape(&exporter, "?collect[]=fast");
    thread::scope(|scope| {
        scope.spawn(|| {
            assert!(
                scrape(&exporter, "?collect[]=slow")
                    .value("slow_at", &[])
                    .is_some()
            );
        });
        thread::sleep(Duration::from_millis(500));
        let started = Instant::now();
        let headers = [("X-Prometheus-Scrape-Timeout-Seconds", "1")];
        let response = exporter.request("GET", "/metrics?collect[]=fast", &headers);
        assert!(
            started.elapsed() < Duration::from_secs(3),
            "{:?}",
            started.elapsed()
        );
        let page = pg_exporter_lab::Page::parse(&response.text());
        assert_eq!(
            page.value("fast_at", &[]),
            first.value("fast_at", &[]),
            "what is cached is served"
        );
    });
}
