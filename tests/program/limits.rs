//! Flags and variables that bound times and connections, by the time that things take.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use pg_exporter_lab::exporter::Builder;
use pg_exporter_lab::{Cluster, Exporter, newest_major, wait_until};

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
    let took = time(&base);
    assert!((0.9..3.0).contains(&took), "a second by default: {took}");
    let short = ["--connect-timeout=200", "-T 200ms", "-T 0.2s"];
    for (way, builder) in ways(&base, &short, &[("PG_EXPORTER_CONNECT_TIMEOUT", "200")]) {
        // By default, none takes less than a second; a busy machine does not slow all of them.
        let took = (0..4).map(|_| time(&builder)).fold(f64::INFINITY, f64::min);
        assert!((0.19..0.8).contains(&took), "{way}: {took}");
    }
    // The connection string's holds, as for psql; the exporter's own way to say it comes before.
    let url = |parameters: &str| {
        let port = silent.local_addr().unwrap().port();
        program().url(&format!("postgresql://127.0.0.1:{port}/x{parameters}"))
    };
    let by_url = [
        ("the URL", url("?connect_timeout=2")),
        ("a variable", url("").env("PGCONNECT_TIMEOUT", "2")),
    ];
    for (way, builder) in by_url {
        let took = time(&builder);
        assert!((1.9..4.0).contains(&took), "{way}: {took}");
        let took = time(&builder.arg("--connect-timeout=200"));
        assert!(took < 1.8, "{way} and the flag: {took}");
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

/// When the collector `slow` began and ended on each database, by the server's clock, and the connections open then.
fn spans(exporter: &Exporter, databases: usize) -> (Vec<(f64, f64)>, f64) {
    let mut answer = (Vec::new(), 0.0);
    wait_until("every database has answered", SOON, || {
        let page = exporter.scrape();
        let all = |name| page.all(name).map(|sample| sample.value).collect::<Vec<f64>>();
        let spans: Vec<_> = all("slow_began").into_iter().zip(all("slow_ended")).collect();
        answer = (spans, page.value("pg_exporter_connections_open", &[]).unwrap());
        answer.0.len() == databases
    });
    answer
}

/// How many were on at the same time at most.
fn most_at_a_time(spans: &[(f64, f64)]) -> usize {
    let at = |moment: f64| {
        spans
            .iter()
            .filter(|(began, ended)| *began <= moment && moment < *ended)
            .count()
    };
    spans.iter().map(|(began, _)| at(*began)).max().unwrap_or(0)
}

#[test]
fn parallel_and_max_connections() {
    let cluster = Cluster::start(newest_major());
    let names = ["a", "b", "c", "d"];
    names.iter().for_each(|name| cluster.create_database(name));
    let folder = Folder::new();
    // The server's clock tells what ran side by side, however busy the machine is.
    let query = "SELECT current_database()::text AS datname, extract(epoch FROM statement_timestamp())::float8 AS began, \
                 extract(epoch FROM clock_timestamp())::float8 AS ended FROM pg_catalog.pg_sleep(0.5)";
    let layer = format!(
        "slow:\n  query: {query}\n  timeout: 5\n  metrics:\n    - datname: {{ usage: LABEL, description: Database. }}\n    \
         - began: {{ usage: GAUGE, description: Begin. }}\n    - ended: {{ usage: GAUGE, description: End. }}\n"
    );
    let base = program().url(&cluster.url("postgres")).args([
        "--no-builtin",
        "-c",
        &folder.write("slow.yml", &layer),
    ]);
    for (way, builder) in ways(&base, &["--parallel=1"], &[("PG_EXPORTER_PARALLEL", "1")]) {
        let (spans, _) = spans(&builder.start(), 5);
        assert_eq!(most_at_a_time(&spans), 1, "{way}");
    }
    for (way, builder) in ways(&base, &["--parallel=5"], &[("PG_EXPORTER_PARALLEL", "5")]) {
        let exporter = builder.start();
        // The first time, a busy machine may be slow to open the connections.
        wait_until(&format!("all run side by side: {way}"), SOON, || {
            most_at_a_time(&spans(&exporter, 5).0) == 5
        });
    }
    for (way, builder) in ways(
        &base,
        &["--max-connections=3"],
        &[("PG_EXPORTER_MAX_CONNECTIONS", "3")],
    ) {
        let (spans, open) = spans(&builder.start(), 5);
        let most = most_at_a_time(&spans);
        assert!(
            most <= 2 && open <= 2.0,
            "{way}: one is the probe's: {most}, {open}"
        );
    }
}
