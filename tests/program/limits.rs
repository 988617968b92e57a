//! Flags and variables that bound times and connections, by the time that things take.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use pg_exporter_lab::exporter::Builder;
use pg_exporter_lab::{Cluster, Exporter, newest_major};

use crate::support::{Folder, SOON, on_server, program, slow, ways};

#[test]
fn connect_timeout() {
    // The kernel connects for a listener that never does.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = program().url(&format!(
        "postgresql://127.0.0.1:{}/x",
        silent.local_addr().unwrap().port()
    ));
    let time = |builder: &Builder| {
        let exporter = builder.start();
        let begun = Instant::now();
        assert_eq!(exporter.scrape().value("pg_up", &[]), Some(0.0));
        begun.elapsed().as_secs_f64()
    };
    assert!((0.9..3.0).contains(&time(&base)), "a second by default");
    let short = ["--connect-timeout=200", "-T 200ms", "-T 0.2s"];
    for (way, builder) in ways(&base, &short, &[("PG_EXPORTER_CONNECT_TIMEOUT", "200")]) {
        let took = time(&builder);
        assert!((0.19..0.8).contains(&took), "{way}: {took}");
    }
}

#[test]
fn scrape_timeout() {
    let folder = Folder::new();
    let base = on_server().args(["-c", &folder.write("slow.yml", &slow(30.0))]);
    let short = ["--scrape-timeout=1", "--scrape-timeout 1000ms"];
    for (way, builder) in ways(&base, &short, &[("PG_EXPORTER_SCRAPE_TIMEOUT", "1s")]) {
        let exporter = builder.start();
        let begun = Instant::now();
        let page = exporter.scrape();
        let took = begun.elapsed().as_secs_f64();
        assert!((0.9..3.0).contains(&took), "{way}: {took}");
        assert_eq!(page.value("slow_value", &[]), None, "{way}");
        assert!(
            page.value("pg_lsn", &[]).is_some(),
            "{way}: what is there by then is served"
        );
    }
}

#[test]
fn health_interval() {
    let cluster = Cluster::start(newest_major());
    let base = program().url(&cluster.url("postgres"));
    let start = |builder: &Builder| {
        let exporter = builder.start();
        exporter.wait_for_status("/up", 200, SOON);
        exporter
    };
    let quick: Vec<Exporter> = ways(
        &base,
        &["--health-interval=100ms"],
        &[("PG_EXPORTER_HEALTH_INTERVAL", "0.1")],
    )
    .map(|(_, builder)| start(&builder))
    .collect();
    let lazy = start(&base.arg("--health-interval=60s"));
    cluster.stop();
    for exporter in &quick {
        exporter.wait_for_status("/up", 503, Duration::from_secs(2));
    }
    assert_eq!(lazy.get("/up").status, 200, "not asked again yet");
}

#[test]
fn parallel_and_max_connections() {
    let cluster = Cluster::start(newest_major());
    let names = ["a", "b", "c", "d"];
    names.iter().for_each(|name| cluster.create_database(name));
    let folder = Folder::new();
    let query = "SELECT 1 AS value, current_database()::text AS datname FROM pg_catalog.pg_sleep(0.5)";
    let layer = format!(
        "slow:\n  query: {query}\n  timeout: 5\n  metrics:\n    - datname: {{ usage: LABEL, description: Database. }}\n    \
         - value: {{ usage: GAUGE, description: A value. }}\n"
    );
    let base = program().url(&cluster.url("postgres")).args([
        "--no-builtin",
        "-c",
        &folder.write("slow.yml", &layer),
    ]);
    let measure = |builder: &Builder| {
        let exporter = builder.start();
        let begun = Instant::now();
        let page = exporter.scrape();
        assert_eq!(page.all("slow_value").count(), 5);
        (
            begun.elapsed().as_secs_f64(),
            page.value("pg_exporter_connections_open", &[]).unwrap(),
        )
    };
    for (way, builder) in ways(&base, &["--parallel=1"], &[("PG_EXPORTER_PARALLEL", "1")]) {
        assert!(measure(&builder).0 >= 2.5, "{way}");
    }
    for (way, builder) in ways(&base, &["--parallel=5"], &[("PG_EXPORTER_PARALLEL", "5")]) {
        let took = measure(&builder).0;
        assert!((0.5..2.0).contains(&took), "{way}: {took}");
    }
    for (way, builder) in ways(
        &base,
        &["--max-connections=3"],
        &[("PG_EXPORTER_MAX_CONNECTIONS", "3")],
    ) {
        assert!(measure(&builder).1 <= 2.0, "{way}: one is the probe's");
    }
}
