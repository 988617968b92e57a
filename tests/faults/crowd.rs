//! More databases than connections.

use std::thread;
use std::time::Duration;

use pg_exporter_lab::{Cluster, Exporter, Page, majors, newest_major, wait_until};

use crate::support::{SOON, State, backends, builder, page_within, wait_for_state};

/// Databases besides the URL's.
const DATABASES: u32 = 300;

/// What all of them may take on a busy machine: each scrape opens nearly all of its connections anew.
const PATIENCE: f64 = 110.0;

/// Connections of the exporter, its probe's included, and what its role may have: one more would be refused.
const CAP: u32 = 5;

/// A cluster of that many databases, each made without a checkpoint where the server can do that.
fn crowd(major: u32) -> Cluster {
    let cluster = Cluster::builder(major).set("autovacuum", "off").start();
    let how = if major >= 15 { "strategy wal_log" } else { "" };
    let create = |number| format!("create database app_{number:03} {how};\n");
    cluster.psql(&(0..DATABASES).map(create).collect::<String>());
    cluster.psql(&format!(
        "create role monitor login connection limit {CAP}; grant pg_monitor to monitor"
    ));
    cluster
}

/// The databases whose scrapes have succeeded, by the exporter's own count.
fn scraped(page: &Page) -> usize {
    let all = page.all("pg_exporter_server_scrape_total_count");
    let names = all.filter(|sample| sample.value > 0.0);
    let names = names.filter_map(|sample| sample.label("datname"));
    names
        .filter(|name| page.value("pg_exporter_server_scrape_error_count", &[("datname", name)]) == Some(0.0))
        .count()
}

/// The most backends that the server has seen at a time while something ran.
fn most_backends<T: Send>(cluster: &Cluster, work: impl FnOnce() -> T + Send) -> (T, u32) {
    thread::scope(|scope| {
        let work = scope.spawn(work);
        let mut watcher = cluster.session("postgres");
        let mut most = 0;
        while !work.is_finished() {
            let count = "select count(*) from pg_stat_activity where application_name = 'pg_exporter'";
            most = most.max(watcher.exec(count).parse().unwrap());
            // To look without a pause would take a processor from what is looked at.
            thread::sleep(Duration::from_millis(5));
        }
        (work.join().unwrap(), most)
    })
}

#[test]
fn all_of_three_hundred_databases_over_a_few_connections() {
    for major in [majors()[0], newest_major()] {
        scrape_all(&crowd(major));
    }
}

fn scrape_all(cluster: &Cluster) {
    let exporter = builder(&cluster.url("postgres").replace("postgres@", "monitor@"))
        .args([
            format!("--max-connections={CAP}"),
            "--parallel=16".into(),
            "-T=10s".into(),
            format!("--scrape-timeout={PATIENCE}s"),
        ])
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    let scrape = |exporter: &Exporter| page_within(exporter, PATIENCE);
    page_within(&exporter, PATIENCE);
    // The probe's and the URL's own, which every scrape needs: they stay.
    let lasting = "select string_agg(pid::text, ' ' order by pid) from pg_stat_activity where datname = 'postgres' and \
                   application_name = 'pg_exporter'";
    let before = cluster.psql(lasting);
    for round in 1..=2 {
        let ((page, took), most) = most_backends(cluster, || scrape(&exporter));
        let (major, open) = (
            cluster.major(),
            page.value("pg_exporter_connections_open", &[]).unwrap(),
        );
        eprintln!(
            "PostgreSQL {major}: {DATABASES} databases in {took:.1?}, {most} backends at most, {CAP} are allowed"
        );
        assert_eq!(page.value("pg_up", &[]), Some(1.0));
        assert_eq!(
            scraped(&page),
            DATABASES as usize + 1,
            "round {round}: {}",
            exporter.stderr()
        );
        let tables = page
            .all("pg_relkind_count")
            .filter_map(|sample| sample.label("datname"));
        let mut tables: Vec<_> = tables.collect();
        tables.sort_unstable();
        tables.dedup();
        assert_eq!(tables.len(), DATABASES as usize + 1, "all have their series");
        // One of the cap is the probe's.
        assert!(open <= f64::from(CAP - 1), "{open}");
        assert!((2..=CAP).contains(&most), "{most} backends, {CAP} are allowed");
    }
    assert_eq!(cluster.psql(lasting), before, "connected anew");
    wait_for_state(&exporter, State::Primary, SOON);
    wait_until("no more than the cap are left", SOON, || backends(cluster) <= CAP);
    thread::sleep(Duration::from_secs(1));
    assert!(backends(cluster) <= CAP);
    let refusals = cluster.log().matches("too many connections for role").count();
    assert_eq!(refusals, 0, "the role's limit was never reached");
}
