//! Collectors that meet: the page is valid, series keep their owner, and doctor says what to add.

use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::{Cluster, Exporter, Folder, Page, newest_major, open_metrics_check, promtool_check};

use crate::support::{clock, database, exporter, program};

/// The page, which both parsers must take.
#[track_caller]
fn valid(exporter: &Exporter) -> Page {
    let text = exporter.get("/metrics").text();
    let found = promtool_check(&text);
    assert!(found.parses, "{:?}\n{text}", found.lines);
    let accept = [("Accept", "application/openmetrics-text;version=1.0.0")];
    let found = open_metrics_check(&exporter.request("GET", "/metrics", &accept).text());
    assert!(found.parses, "{:?}", found.lines);
    Page::parse(&text)
}

fn doctor(url: &str, directory: &Folder, more: &[&str]) -> (i32, String) {
    let ended = program(url)
        .arg("--no-builtin")
        .arg("--config")
        .arg(directory.path())
        .args(more.iter().copied())
        .arg("doctor")
        .run();
    (ended.status.code().unwrap(), ended.stdout)
}

#[test]
fn two_collectors_of_one_metric_are_one_family() {
    let url = database("valid_two");
    let directory = Folder::of(&[(
        "1.yml",
        "
shop: { query: SELECT 1 AS open_orders, metrics: [ open_orders: { usage: GAUGE, description: from shop } ] }
shop_open: { query: SELECT 2 AS orders, metrics: [ orders: { usage: COUNTER, description: from shop_open } ] }
req: { query: SELECT 0.3 AS secs, metrics: [ secs: { usage: HISTOGRAM, bucket: [0.1, 1], description: h } ] }
req_secs: { query: 'SELECT 5 AS sum, 6 AS count', metrics: [ sum: { usage: GAUGE }, count: { usage: COUNTER } ] }
part: { query: \"SELECT 'a' AS x, 'b' AS y, 1 AS one_more\", metrics: [ x: { usage: LABEL }, y: { usage: LABEL }, one_more: { usage: GAUGE } ] }
part_one: { query: \"SELECT 'b' AS y, 'a' AS x, 2 AS more\", metrics: [ y: { usage: LABEL }, x: { usage: LABEL }, more: { usage: GAUGE } ] }
",
    )]);
    let exporter = exporter(&url, &directory);
    let page = valid(&exporter);
    assert_eq!(page.value("shop_open_orders", &[]), Some(1.0));
    assert_eq!(page.value("req_secs_sum", &[]), Some(0.3));
    let more: Vec<_> = page.all("part_one_more").map(|sample| sample.value).collect();
    assert_eq!(more, [1.0], "the order of labels does not matter");
    assert_eq!(page.value("pg_exporter_duplicate_series", &[]), Some(4.0));
    let log = exporter.final_log();
    assert_eq!(
        log.matches("series of shop_open_orders are yielded by several collectors")
            .count(),
        1,
        "{log}"
    );
    let (code, text) = doctor(&url, &directory, &[]);
    assert_eq!(code, 1);
    assert!(
        text.contains("series of shop_open_orders are yielded by several collectors (shop, shop_open)"),
        "{text}"
    );
}

/// As a file of postgres_exporter does when it is laid over the compiled set.
#[test]
fn a_collector_over_the_compiled_set_may_yield_a_metric_of_it() {
    let url = database("valid_layer");
    let directory = Folder::of(&[(
        "queries.yaml",
        "
pg_is: { query: SELECT 5 AS in_recovery, master: true, metrics: [ in_recovery: { usage: GAUGE, description: from outside } ] }
pg_db_xact: { query: \"SELECT 'elsewhere' AS datname, 9 AS commit\", master: true, metrics: [ datname: { usage: LABEL }, commit: { usage: GAUGE } ] }
hist_secs: { query: \"SELECT '1' AS le, 9 AS bucket\", master: true, metrics: [ le: { usage: LABEL }, bucket: { usage: GAUGE } ] }
hist: { query: SELECT 0.3 AS secs, master: true, metrics: [ secs: { usage: HISTOGRAM, bucket: [1], description: h } ] }
pg: { timeout: 30 }
pg_db: { timeout: 30 }
",
    )]);
    let exporter = program(&url).arg("--config").arg(directory.path()).start();
    let page = valid(&exporter);
    assert_eq!(
        page.value("pg_is_in_recovery", &[]),
        Some(0.0),
        "the compiled one's"
    );
    assert_eq!(
        page.value("pg_db_xact_commit", &[("datname", "elsewhere")]),
        Some(9.0),
        "another series of that family"
    );
    assert!(page.all("pg_db_xact_commit").count() > 1);
    assert_eq!(page.value("hist_secs_bucket", &[("le", "+Inf")]), Some(1.0));
    let first = page.value("hist_secs_bucket", &[("le", "1")]);
    assert!([Some(9.0), Some(1.0)].contains(&first), "{first:?}");
    assert_eq!(page.value("pg_exporter_duplicate_series", &[]), Some(2.0));
}

#[test]
fn the_exporters_own_metrics_stay_its_own() {
    let url = database("valid_own");
    let directory = Folder::of(&[(
        "1.yml",
        "
pg: { query: 'SELECT 7 AS up, 3 AS version', metrics: [ up: { usage: GAUGE }, version: { usage: GAUGE } ] }
pg_exporter: { query: \"SELECT 'x' AS y, 9 AS uptime\", metrics: [ y: { usage: LABEL }, uptime: { usage: COUNTER } ] }
process: { query: 'SELECT 1 AS threads', metrics: [ threads: { usage: GAUGE } ] }
",
    )]);
    let exporter = exporter(&url, &directory);
    let page = valid(&exporter);
    assert_eq!(page.value("pg_up", &[]), Some(1.0));
    assert!(page.value("pg_version", &[]) > Some(100_000.0));
    assert!(page.value("process_threads", &[]) > Some(1.0));
    assert_eq!(
        page.value("pg_exporter_uptime", &[("y", "x")]),
        Some(9.0),
        "another series of that family"
    );
    assert_eq!(page.value("pg_exporter_duplicate_series", &[]), Some(3.0));
    let (code, text) = doctor(&url, &directory, &[]);
    assert!(
        code == 1 && text.contains("a collector yields pg_up, which is a metric of the exporter's own"),
        "{text}"
    );
    let alone = program(&url)
        .args(["--no-builtin", "--disable-intro", "--config"])
        .arg(directory.path())
        .start();
    assert_eq!(valid(&alone).value("pg_up", &[]), Some(7.0), "there is no other");
}

#[test]
fn a_series_never_gets_another_databases_value() {
    let cluster = Cluster::start(newest_major());
    cluster.create_database("shop");
    let directory = Folder::of(&[(
        "1.yml",
        "
orders:
  query: \"SELECT CASE current_database() WHEN 'postgres' THEN 1000 ELSE 7 END AS open,
             1 / (CASE WHEN current_database() = 'postgres' AND EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'broken') THEN 0 ELSE 1 END) AS z\"
  metrics: [ open: { usage: GAUGE }, z: { usage: DISCARD } ]
",
    )]);
    let url = format!("{}?sslmode=disable", cluster.url("postgres"));
    let exporter = Exporter::builder(env!("CARGO_BIN_EXE_pg_exporter"))
        .url(&url)
        .args([
            "--connect-timeout=30s",
            "--scrape-timeout=60s",
            "--no-builtin",
            "--exclude-database=none",
            "--config",
        ])
        .arg(directory.path())
        .start();
    let open = || valid(&exporter).value("orders_open", &[]);
    assert_eq!(open(), Some(1000.0));
    cluster.psql("create role broken");
    for _ in 0..3 {
        assert_eq!(open(), None, "the owner fails: not the other's value");
    }
    cluster.psql("drop role broken");
    pg_exporter_lab::wait_until("the owner's value", Duration::from_secs(60), || {
        let open = open();
        assert_ne!(open, Some(7.0));
        open == Some(1000.0)
    });
    let log = exporter.final_log();
    let sentence = "orders yields the same series in 2 databases (postgres, shop)";
    assert_eq!(log.matches(sentence).count(), 1, "{log}");
    let ended = Exporter::builder(env!("CARGO_BIN_EXE_pg_exporter"))
        .url(&url)
        .args([
            "--connect-timeout=30s",
            "--no-builtin",
            "--exclude-database=none",
            "--config",
        ])
        .arg(directory.path())
        .arg("doctor")
        .run();
    assert!(
        ended.stdout.contains(sentence) && ended.stdout.contains("add tags: [cluster]"),
        "{}",
        ended.stdout
    );
}

#[test]
fn missing_columns_are_told_everywhere() {
    let url = database("valid_missing");
    let directory = Folder::of(&[(
        "1.yml",
        "
size: { query: \"SELECT 'x' AS name, 5 AS size\", metrics: [ name: { usage: LABEL }, size_bytes: { usage: GAUGE } ] }
nan: { query: \"SELECT '7'::jsonb AS j, B'101' AS b, 'NaN' AS n, 'seven' AS s\", metrics: [ j: { usage: GAUGE }, b: { usage: GAUGE }, n: { usage: GAUGE }, s: { usage: GAUGE } ] }
",
    )]);
    let exporter = exporter(&url, &directory);
    let page = valid(&exporter);
    assert_eq!(
        [page.value("nan_j", &[]), page.value("nan_b", &[])],
        [Some(7.0), Some(101.0)]
    );
    assert_eq!(
        page.value("pg_exporter_query_missing_columns", &[("query", "size")]),
        Some(1.0)
    );
    assert_eq!(
        page.value("pg_exporter_query_missing_columns", &[("query", "nan")]),
        None
    );
    let stat = exporter.get("/stat").text();
    assert!(stat.contains("    Missing Columns: size_bytes\n"), "{stat}");
    assert!(
        exporter
            .get("/collector/size")
            .text()
            .contains("the result lacks size_bytes")
    );
    let log = exporter.final_log();
    assert_eq!(log.matches("the result lacks size_bytes").count(), 1, "{log}");
    assert!(log.contains("\"s holds what is no number"), "{log}");
    let of_numbers = log
        .lines()
        .filter(|line| line.contains("no number") && !line.contains("\"s holds"));
    assert_eq!(of_numbers.count(), 0, "j, b and n hold numbers, or NaN: {log}");
    let (code, text) = doctor(&url, &directory, &[]);
    assert!(
        code == 1 && text.contains("collector size in valid_missing: the result lacks size_bytes"),
        "{text}"
    );
}

/// Clients in a hurry, of all collectors and of some: nobody else's page is another for it.
#[test]
fn a_client_in_a_hurry_changes_nobody_elses_page() {
    let url = database("valid_hurry");
    let slow = clock("slow", "").replace(" AS at", " AS at FROM pg_catalog.pg_sleep(0.3)");
    let directory = Folder::of(&[
        ("1.yml", &clock("fast", "")),
        ("2.yml", &slow),
        ("3.yml", &clock("kept", "  ttl: 2\n")),
    ]);
    let exporter = exporter(&url, &directory);
    let families = |page: &Page| {
        page.samples
            .iter()
            .map(|sample| sample.name.clone())
            .collect::<std::collections::BTreeSet<_>>()
    };
    let expected = families(&Page::parse(&exporter.get("/metrics").text()));
    let end = Instant::now() + Duration::from_secs(8);
    thread::scope(|scope| {
        for (seconds, query) in [
            ("0.001", ""),
            ("0.02", "?collect[]=slow"),
            ("0.05", ""),
            ("0.05", "?collect[]=fast&collect[]=kept"),
        ] {
            let exporter = &exporter;
            scope.spawn(move || {
                while Instant::now() < end {
                    let hurry = [("X-Prometheus-Scrape-Timeout-Seconds", seconds)];
                    exporter.request("GET", &format!("/metrics{query}"), &hurry);
                    thread::sleep(Duration::from_millis(40));
                }
            });
        }
        while Instant::now() < end {
            let page = Page::parse(&exporter.get("/metrics").text());
            assert_eq!(page.value("pg_up", &[]), Some(1.0));
            let missing: Vec<_> = expected.difference(&families(&page)).cloned().collect();
            assert_eq!(missing, [""; 0]);
        }
    });
}

/// A client in a hurry begins a run, and one that has time joins it: what would have had too little time has more. By the server's
/// limit on a statement, by what is left of the run for many, by a predicate, and in the middle of rows.
#[test]
fn who_joins_a_client_in_a_hurry_has_a_whole_page() {
    let url = database("valid_joined");
    let sleeping = |name: &str, seconds: f64, more: &str| {
        clock(name, more).replace(" AS at", &format!(" AS at FROM pg_catalog.pg_sleep({seconds})"))
    };
    let many = (0..6)
        .map(|number| sleeping(&format!("many_{number}"), 0.6, "").replace("timeout: 30", "timeout: 1"));
    let asked = clock(
        "asked",
        "  predicate_queries: [ { name: p, predicate_query: \"SELECT pg_catalog.pg_sleep(1.3) IS NOT NULL\" } ]\n",
    );
    let parts = "parts: { query: 'SELECT i AS row, 1 AS at FROM generate_series(1, 13) AS i, LATERAL pg_sleep(0.1 + 0 * i)', partial: true, \
                 timeout: 30, metrics: [ row: { usage: LABEL, description: Row }, at: { usage: GAUGE, description: One } ] }\n";
    let single = sleeping("slow", 1.3, "").replace("timeout: 30", "timeout: 3");
    for (what, definitions) in [
        ("slow_at", single.clone()),
        ("slow_at", single + &clock("fast", "")),
        ("many_5_at", many.collect()),
        ("asked_at", asked),
        ("parts_at", parts.to_owned()),
    ] {
        let directory = Folder::of(&[("1.yml", &definitions)]);
        let exporter = exporter(&url, &directory);
        let selected = format!("?collect[]={}", what.trim_end_matches("_at"));
        for (seconds, query) in [("0.02", ""), ("0.05", ""), ("0.02", &*selected)] {
            thread::scope(|scope| {
                scope.spawn(|| {
                    let hurry = [("X-Prometheus-Scrape-Timeout-Seconds", seconds)];
                    exporter.request("GET", &format!("/metrics{query}"), &hurry)
                });
                thread::sleep(Duration::from_millis(300));
                let time = [("X-Prometheus-Scrape-Timeout-Seconds", "30")];
                let page = exporter.request("GET", &format!("/metrics{query}"), &time).text();
                let page = Page::parse(&page);
                let log = exporter.stderr();
                assert_eq!(
                    page.value("pg_up", &[]),
                    Some(1.0),
                    "{seconds} {query} {what}: {log}"
                );
                let is_last = |row: Option<&str>| row.is_none_or(|row| row == "13");
                assert!(
                    page.all(what).any(|sample| is_last(sample.label("row"))),
                    "{seconds} {query} {what}: {log}"
                );
            });
        }
    }
}
