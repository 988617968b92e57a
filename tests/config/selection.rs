//! `?collect[]=` and `?exclude[]=`: one exporter, a fast and a slow job.

use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::Folder;

use crate::support::{clock, database, exporter, server};

fn scrape(exporter: &pg_exporter_lab::Exporter, query: &str) -> pg_exporter_lab::Page {
    let response = exporter.get(&format!("/metrics{query}"));
    assert_eq!(response.status, 200, "{}", response.text());
    pg_exporter_lab::Page::parse(&response.text())
}

#[test]
fn a_selection_restricts_what_is_run_and_served() {
    let url = database("selection");
    let directory = Folder::of(&[
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
    let directory = Folder::of(&[("1.yml", &clock("fast", "")), ("2.yml", &slow)]);
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

/// A collector that takes five seconds.
fn slow(more: &str) -> String {
    clock("slow", more).replace(" AS at", " AS at FROM pg_sleep(5)")
}

/// A page for a client whose time is over long before the slow collector's, and who gets it in its time.
fn hurried(exporter: &pg_exporter_lab::Exporter, query: &str) -> pg_exporter_lab::Page {
    let started = Instant::now();
    let headers = [("X-Prometheus-Scrape-Timeout-Seconds", "2")];
    let response = exporter.request("GET", &format!("/metrics{query}"), &headers);
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
    pg_exporter_lab::Page::parse(&response.text())
}

/// Waits until the server has been at the slow collector's statement for a while.
fn wait_for_slow(database: &str) {
    let query = format!(
        "select count(*) from pg_stat_activity where datname = '{database}' and state = 'active'
           and query like '%pg_sleep(5)%' and pid <> pg_backend_pid()
           and query_start < clock_timestamp() - interval '500 ms'"
    );
    pg_exporter_lab::wait_until("the slow statement", Duration::from_secs(30), || {
        server().psql(&query) != "0"
    });
}

fn connections(database: &str) -> u32 {
    let query = format!(
        "select count(*) from pg_stat_activity where datname = '{database}' and application_name = 'pg_exporter'"
    );
    server().psql(&query).parse().unwrap()
}

#[test]
fn a_fast_job_gets_new_samples_while_a_slow_one_runs() {
    let url = database("selection_fast");
    // The slow one comes first in the order of execution.
    let directory = Folder::of(&[("1.yml", &slow("")), ("2.yml", &clock("fast", ""))]);
    let exporter = exporter(&url, &directory);
    for job in ["", "?collect[]=slow"] {
        let before = scrape(&exporter, "?collect[]=fast").value("fast_at", &[]);
        thread::scope(|scope| {
            let slow = scope.spawn(|| scrape(&exporter, job));
            wait_for_slow("selection_fast");
            let mut last = before;
            for _ in 0..3 {
                let page = hurried(&exporter, "?collect[]=fast");
                assert_eq!(page.value("pg_up", &[]), Some(1.0));
                assert!(page.value("fast_at", &[]) > last, "new samples beside {job:?}");
                last = page.value("fast_at", &[]);
                assert!(
                    connections("selection_fast") <= 3,
                    "two for scrapes, one for health"
                );
            }
            assert!(!slow.is_finished(), "the slow collector was on all the time");
            let page = slow.join().unwrap();
            assert!(page.value("slow_at", &[]).is_some());
            assert_eq!(page.value("fast_at", &[]).is_some(), job.is_empty());
        });
    }
    let executed = scrape(&exporter, "?collect[]=fast").value("pg_exporter_scrape_total_count", &[]);
    assert_eq!(executed, Some(11.0), "each job's scrapes and no more");
}

/// A slow collector, which both jobs want, and one for each of them.
fn of_two_jobs(name: &str) -> (pg_exporter_lab::Exporter, Folder) {
    let directory = Folder::of(&[
        ("1.yml", &slow("")),
        ("2.yml", &clock("one", "")),
        ("3.yml", &clock("two", "")),
    ]);
    (exporter(&database(name), &directory), directory)
}

#[test]
fn two_jobs_at_a_time_run_what_they_want_each() {
    let (exporter, _directory) = of_two_jobs("selection_both");
    thread::scope(|scope| {
        let first = scope.spawn(|| scrape(&exporter, "?exclude[]=two"));
        wait_for_slow("selection_both");
        let second = scrape(&exporter, "?exclude[]=one");
        let first = first.join().unwrap();
        assert!(first.value("slow_at", &[]).is_some());
        assert!(second.value("slow_at", &[]) > first.value("slow_at", &[]));
        assert!(first.value("one_at", &[]).is_some() && second.value("two_at", &[]).is_some());
    });
    let stat = exporter.get("/stat").text();
    assert!(stat.contains("  slow:\n    Executions: 2\n"), "{stat}");
}

/// A page for a client that gives the slow collector too little time, but the other job time to begin.
fn short(exporter: &pg_exporter_lab::Exporter, query: &str) -> pg_exporter_lab::Page {
    let headers = [("X-Prometheus-Scrape-Timeout-Seconds", "4")];
    let response = exporter.request("GET", &format!("/metrics{query}"), &headers);
    pg_exporter_lab::Page::parse(&response.text())
}

/// A statement that a hurried job cannot wait for is no loss to one that can.
#[test]
fn a_job_with_more_time_does_not_share_the_deadline_of_another() {
    let (exporter, _directory) = of_two_jobs("selection_hurried");
    thread::scope(|scope| {
        let first = scope.spawn(|| short(&exporter, "?exclude[]=two"));
        wait_for_slow("selection_hurried");
        let second = scrape(&exporter, "?exclude[]=one");
        assert!(second.value("slow_at", &[]).is_some() && second.value("two_at", &[]).is_some());
        assert_eq!(
            first.join().unwrap().value("slow_at", &[]),
            None,
            "it had no time"
        );
    });
}

/// Of two executions at a time, the one that fails does not take the other's result away.
#[test]
fn a_result_stands_though_another_run_fails_later() {
    let url = database("selection_uneven");
    // It takes long unless it is on already.
    let sleep = " AS at FROM (SELECT pg_sleep(CASE count(*) WHEN 1 THEN 20 ELSE 0 END) FROM pg_stat_activity \
                 WHERE datname = 'selection_uneven' AND state = 'active' AND query LIKE '%pg_sleep(CASE%') x, \
                 (SELECT 'pg_sleep(5)') y";
    let uneven = clock("uneven", "").replace(" AS at", sleep);
    let directory = Folder::of(&[("1.yml", &uneven), ("2.yml", &slow(""))]);
    let exporter = exporter(&url, &directory);
    thread::scope(|scope| {
        let first = scope.spawn(|| short(&exporter, "?collect[]=uneven"));
        wait_for_slow("selection_uneven");
        let second = scrape(&exporter, "").value("uneven_at", &[]);
        let first = first.join().unwrap().value("uneven_at", &[]);
        assert!(second.is_some() && first == second, "{first:?} {second:?}");
    });
    let stat = exporter.get("/stat").text();
    assert!(stat.contains("  uneven:\n    Executions: 2\n"), "{stat}");
}

#[test]
fn a_reload_beside_a_run_does_not_confuse_its_answers() {
    let url = database("selection_reload");
    let directory = Folder::of(&[("2.yml", &slow("")), ("3.yml", &clock("fast", ""))]);
    let exporter = exporter(&url, &directory);
    thread::scope(|scope| {
        let slow = scope.spawn(|| scrape(&exporter, "?exclude[]=fast"));
        wait_for_slow("selection_reload");
        directory.write("1.yml", &clock("first", ""));
        assert_eq!(exporter.get("/reload").status, 200);
        let page = hurried(&exporter, "?exclude[]=slow");
        assert!(page.value("first_at", &[]).is_some() && page.value("fast_at", &[]).is_some());
        assert!(slow.join().unwrap().value("slow_at", &[]).is_some());
    });
    let page = scrape(&exporter, "?collect[]=first");
    assert!(page.value("first_at", &[]).is_some());
}

#[test]
fn jobs_take_turns_where_connections_are_few() {
    let url = database("selection_turns");
    let directory = Folder::of(&[("1.yml", &slow("")), ("2.yml", &clock("fast", ""))]);
    // One of them is the health probe's.
    let exporter = crate::support::program(&url)
        .args(["--no-builtin", "--max-connections=3", "--config"])
        .arg(directory.path())
        .start();
    thread::scope(|scope| {
        let slow = scope.spawn(|| scrape(&exporter, "?collect[]=slow"));
        wait_for_slow("selection_turns");
        let page = hurried(&exporter, "?collect[]=fast");
        assert_eq!(
            (page.value("pg_up", &[]), page.value("fast_at", &[])),
            (Some(1.0), None)
        );
        assert!(connections("selection_turns") <= 2);
        let fast = scrape(&exporter, "?collect[]=fast").value("fast_at", &[]);
        let slow = slow.join().unwrap().value("slow_at", &[]);
        assert!(slow.is_some() && fast > slow, "{slow:?} {fast:?}");
    });
}

#[test]
fn a_run_of_more_serves_all_where_connections_are_few() {
    let url = database("selection_guests");
    let directory = Folder::of(&[("1.yml", &slow("")), ("2.yml", &clock("fast", ""))]);
    let exporter = crate::support::program(&url)
        .args(["--no-builtin", "--max-connections=3", "--config"])
        .arg(directory.path())
        .start();
    thread::scope(|scope| {
        let all = scope.spawn(|| scrape(&exporter, ""));
        wait_for_slow("selection_guests");
        let fast = scrape(&exporter, "?collect[]=fast").value("fast_at", &[]);
        let all = all.join().unwrap().value("fast_at", &[]);
        assert!(
            fast.is_some() && fast == all,
            "no run of its own: {fast:?} {all:?}"
        );
    });
}

#[test]
fn a_page_leaves_at_its_deadline_though_another_job_runs() {
    let url = database("selection_deadline");
    let slow = clock("slow", "").replace(" AS at", " AS at FROM pg_sleep(5)");
    let directory = Folder::of(&[("1.yml", &clock("fast", "  ttl: 3600\n")), ("2.yml", &slow)]);
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
        wait_for_slow("selection_deadline");
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
