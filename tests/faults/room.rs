//! Who drops, renames or copies a database does not have to stop the exporter first, however often it is scraped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use pg_exporter_lab::exporter::Builder;
use pg_exporter_lab::{Cluster, Exporter, Page, majors, newest_major, wait_until};

use crate::support::{
    Layer, SLEEPING, SOON, State, answer, builder, cluster, count, page_within, wait_for, wait_for_state,
};

/// The server waits for 5 seconds until the others have left, then it fails.
const SERVERS_PATIENCE: Duration = Duration::from_secs(5);

/// A scrape a second, until the test's work is done; no page may be without the target.
fn while_scraped<T>(exporter: &Exporter, work: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    scope(|scope| {
        let scrapes = scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let up = page_within(exporter, 5.0).0.value("pg_up", &[]);
                assert_eq!(up, Some(1.0), "{}", exporter.stderr());
                sleep(Duration::from_secs(1));
            }
        });
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        done.store(true, Ordering::SeqCst);
        scrapes.join().unwrap();
        worked.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// How to run an exporter with time to connect: what is promised is room for a statement, whatever else the machine does.
fn patient(url: &str) -> Builder {
    builder(url).env("PG_EXPORTER_CONNECT_TIMEOUT", "4s")
}

/// Whether the database was scraped for this page.
fn shows(page: &Page, database: &str) -> bool {
    page.samples
        .iter()
        .any(|sample| sample.name.starts_with("pg_relkind") && sample.label("datname") == Some(database))
}

/// An exporter whose role may no more than `pg_monitor`.
fn monitor(cluster: &Cluster) -> Exporter {
    cluster.psql("create role monitor login; grant pg_monitor to monitor");
    let exporter = patient(&cluster.url("postgres").replace("postgres@", "monitor@")).start();
    wait_for_state(&exporter, State::Primary, SOON);
    exporter
}

/// Runs a statement that needs a database for itself; how long it took.
#[track_caller]
fn run(cluster: &Cluster, sql: &str) -> Duration {
    let begun = Instant::now();
    cluster.psql(sql);
    let took = begun.elapsed();
    eprintln!("PostgreSQL {}: {sql}: {took:.1?}", cluster.major());
    assert!(
        took < SERVERS_PATIENCE + Duration::from_secs(1),
        "{sql}: {took:?}"
    );
    took
}

#[test]
fn statements_that_need_a_database_for_themselves_succeed_under_scrapes() {
    let wanted = [majors()[0], 14, newest_major()];
    scope(|scope| {
        for major in wanted {
            scope.spawn(move || under_scrapes(&Cluster::start(major)));
        }
    });
}

fn under_scrapes(cluster: &Cluster) {
    for name in ["app", "old", "mould"] {
        cluster.create_database(name);
    }
    let exporter = monitor(cluster);
    while_scraped(&exporter, || {
        for name in ["app", "old", "mould"] {
            let there = format!("datname = '{name}'");
            wait_until("a connection is kept", SOON, || count(cluster, &there) == 1);
        }
        run(cluster, "drop database app");
        run(cluster, "alter database old rename to renamed");
        run(cluster, "create database copied template mould");
        // Those that are there afterwards are scraped again, soon and without a gap in what is counted.
        wait_for(&exporter, "all databases", |page| {
            ["renamed", "copied", "mould"]
                .iter()
                .all(|name| shows(page, name))
        });
    });
    let page = page_within(&exporter, 5.0).0;
    assert!(!shows(&page, "app") && !shows(&page, "old"));
    let errors = page.value("pg_exporter_server_scrape_error_count", &[("datname", "mould")]);
    assert_eq!(errors, Some(0.0), "{}", exporter.stderr());
    let log = exporter.final_log();
    for name in ["app", "old", "mould"] {
        let told = log.lines().filter(|line| line.contains("leaving it alone"));
        let told = told
            .filter(|line| line.contains(&format!("database={name}")))
            .count();
        assert!(told >= 1, "{name}: {log}");
    }
}

/// In the middle of a statement of ours, which has half a minute to go.
#[test]
fn a_scrape_that_is_under_way_makes_room() {
    let cluster = cluster();
    for name in ["app", "other"] {
        cluster.create_database(name);
    }
    let layer = Layer::new(
        "slow:\n  query: SELECT 1 AS value FROM pg_catalog.pg_sleep(30)\n  tags: ['dbname:app']\n  timeout: 60\n  \
         metrics:\n    - value: { usage: GAUGE, description: Always one. }\n",
    );
    let exporter = patient(&cluster.url("postgres")).arg(layer.flag()).start();
    wait_for_state(&exporter, State::Primary, SOON);
    scope(|scope| {
        let scrape = scope.spawn(|| page_within(&exporter, 25.0));
        cluster.wait_for(SLEEPING, "1");
        run(&cluster, "drop database app");
        let (page, took) = scrape.join().unwrap();
        assert!(took < Duration::from_secs(15), "{took:?}");
        assert_eq!(page.value("pg_up", &[]), Some(1.0));
        assert!(shows(&page, "other"));
    });
    assert_eq!(answer(&exporter, "/primary").0, 200);
}

/// However little time the last statement of a scrape was allowed, and however long a look takes: that grows with the locks.
#[test]
fn a_look_has_a_limit_of_its_own() {
    for locks in [5_000, 100_000] {
        let cluster = Cluster::builder(newest_major())
            .set("max_locks_per_transaction", "1500")
            .start();
        for name in ["app", "idle"] {
            cluster.create_database(name);
        }
        let mut somebody = cluster.session("postgres");
        somebody.exec(&format!(
            "select count(pg_advisory_lock(i)) from generate_series(1, {locks}) i"
        ));
        let layer = Layer::new(
            "hasty:\n  query: SELECT 1 AS value\n  priority: 1000\n  tags: ['cluster']\n  timeout: 0.001\n  metrics:\n    \
             - value: { usage: GAUGE, description: Always one. }\n",
        );
        let exporter = patient(&cluster.url("postgres")).arg(layer.flag()).start();
        wait_for(&exporter, "app", |page| shows(page, "app"));
        // No scrape meanwhile.
        run(&cluster, "drop database app");
        while_scraped(&exporter, || {
            sleep(Duration::from_secs(2));
            run(&cluster, "drop database idle");
        });
    }
}

/// A statement that fails all the same, because of somebody else, costs a few seconds of that database's series.
#[test]
fn a_database_that_is_not_dropped_after_all_comes_back() {
    let cluster = cluster();
    cluster.create_database("app");
    let exporter = monitor(&cluster);
    wait_for(&exporter, "app", |page| shows(page, "app"));
    let _somebody = cluster.session("app");
    let refused = cluster.try_psql("postgres", "drop database app").unwrap_err();
    assert!(refused.to_string().contains("being accessed"), "{refused}");
    assert_eq!(count(&cluster, "datname = 'app'"), 0, "we have left");
    assert!(
        !shows(&page_within(&exporter, 5.0).0, "app"),
        "and are not back at once"
    );
    wait_for(&exporter, "app again", |page| shows(page, "app"));
}

/// Where a strict administrator has taken the right to see locks away, nothing else suffers.
#[test]
fn without_the_right_to_look_the_rest_works() {
    let cluster = cluster();
    cluster.create_database("app");
    cluster.psql("revoke select on pg_locks from public");
    let exporter = monitor(&cluster);
    for _ in 0..40 {
        let page = page_within(&exporter, 5.0).0;
        assert_eq!(page.value("pg_up", &[]), Some(1.0));
        assert!(shows(&page, "app"));
        sleep(Duration::from_millis(100));
    }
    // One look, and the collectors that show locks; none of them is tried again at each scrape.
    let refusals = cluster
        .log()
        .matches("permission denied for view pg_locks")
        .count();
    let page = page_within(&exporter, 5.0).0;
    let failed = page.all("pg_exporter_query_failures_total");
    let failed: f64 = failed
        .filter(|sample| sample.label("reason") == Some("permission"))
        .map(|sample| sample.value)
        .sum();
    assert!(
        (1.0..=failed + 1.0).contains(&(refusals as f64)),
        "{refusals} of {failed}"
    );
    let errors = page_within(&exporter, 5.0)
        .0
        .value("pg_exporter_scrape_error_count", &[]);
    assert_eq!(errors, Some(0.0), "{}", exporter.stderr());
}

/// What is asked once a second needs no connection of its own, and nothing is asked where nobody could be in the way.
#[test]
fn looking_out_costs_no_connection() {
    let cluster = cluster();
    cluster.create_database("app");
    let exporter = monitor(&cluster);
    wait_for(&exporter, "app", |page| shows(page, "app"));
    let asked = "select count(*) from pg_stat_activity where application_name = 'pg_exporter' and query like '%pg_locks%'";
    cluster.wait_for(asked, "1");
    // Of the probe, the URL's database and app.
    for _ in 0..30 {
        assert_eq!(count(&cluster, "backend_type = 'client backend'"), 3);
        sleep(Duration::from_millis(100));
    }
    let alone = patient(&cluster.url("postgres"))
        .arg("--no-auto-discovery")
        .start();
    wait_for_state(&alone, State::Primary, SOON);
    page_within(&alone, 5.0);
    let old = "select count(*) from pg_stat_activity where usename = 'postgres' and application_name = 'pg_exporter' \
               and query not like '%receiver%' and state_change < now() - interval '2.5 s'";
    cluster.wait_for(old, "1");
}
