//! The exporter's own series: names, types and labels as in pg_exporter 1.x.

use std::time::Duration;

use pg_exporter_lab::{Cluster, Exporter, majors, newest_major, shared};

use crate::layer::Layer;
use crate::support::{PATIENCE, exporter, value};

/// Name without prefix, type, labels.
const SERIES: [(&str, &str, &[&str]); 20] = [
    ("up", "gauge", &[]),
    ("version", "gauge", &[]),
    ("in_recovery", "gauge", &[]),
    ("exporter_up", "gauge", &[]),
    ("exporter_uptime", "gauge", &[]),
    ("exporter_last_scrape_time", "gauge", &[]),
    ("exporter_scrape_duration", "gauge", &[]),
    ("exporter_scrape_total_count", "counter", &[]),
    ("exporter_scrape_error_count", "counter", &[]),
    ("exporter_server_scrape_duration", "gauge", &["datname"]),
    ("exporter_server_scrape_total_seconds", "gauge", &["datname"]),
    ("exporter_server_scrape_total_count", "gauge", &["datname"]),
    ("exporter_server_scrape_error_count", "gauge", &["datname"]),
    ("exporter_query_cache_ttl", "gauge", &["datname", "query"]),
    (
        "exporter_query_scrape_total_count",
        "gauge",
        &["datname", "query"],
    ),
    ("exporter_query_scrape_hit_count", "gauge", &["datname", "query"]),
    (
        "exporter_query_scrape_error_count",
        "gauge",
        &["datname", "query"],
    ),
    (
        "exporter_query_scrape_metric_count",
        "gauge",
        &["datname", "query"],
    ),
    ("exporter_query_scrape_duration", "gauge", &["datname", "query"]),
    (
        "exporter_query_scrape_predicate_skip_count",
        "gauge",
        &["datname", "query"],
    ),
];

/// One collector with a predicate, one without.
const LAYER: &str = "
mine: { query: SELECT 1 AS one, ttl: 100, metrics: [ { one: { usage: GAUGE, description: One. } } ] }
never:
  query: SELECT 2 AS two
  predicate_queries: [ { name: no, predicate_query: SELECT false } ]
  metrics: [ { two: { usage: GAUGE, description: Two. } } ]
";

fn start(cluster: &Cluster, more: &[&str]) -> (Exporter, Layer) {
    let layer = Layer::new(LAYER);
    let builder = exporter(&cluster.url("postgres"))
        .args(["--no-builtin", "--auto-discovery=false"])
        .args(more);
    (builder.arg("--config").arg(layer.path()).start(), layer)
}

#[test]
fn series_are_those_of_the_contract() {
    let (exporter, _layer) = start(shared(newest_major()), &[]);
    let _ = exporter.scrape();
    let page = exporter.scrape();
    for (bare, kind, labels) in SERIES {
        let name = format!("pg_{bare}");
        assert_eq!(page.types.get(&name).map(String::as_str), Some(kind), "{name}");
        let mut found = 0;
        for sample in page.all(&name) {
            let names: Vec<_> = sample.labels.iter().map(|(label, _)| label.as_str()).collect();
            assert_eq!(names, labels, "{name}");
            found += 1;
        }
        assert!(found > 0, "no series of {name}");
    }
    // All that Go's library has of a process on Linux, and the threads.
    for (name, kind) in [
        ("process_cpu_seconds_total", "counter"),
        ("process_max_fds", "gauge"),
        ("process_network_receive_bytes_total", "counter"),
        ("process_network_transmit_bytes_total", "counter"),
        ("process_open_fds", "gauge"),
        ("process_resident_memory_bytes", "gauge"),
        ("process_start_time_seconds", "gauge"),
        ("process_virtual_memory_bytes", "gauge"),
        ("process_virtual_memory_max_bytes", "gauge"),
        ("process_threads", "gauge"),
    ] {
        assert!(page.value(name, &[]).is_some_and(|value| value >= 0.0), "{name}");
        assert_eq!(page.types.get(name).map(String::as_str), Some(kind), "{name}");
    }
    for name in [
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_virtual_memory_max_bytes",
    ] {
        assert!(value(&page, name, &[]) > 0.0, "{name}");
    }
    let build = page.all("pg_exporter_build_info").next().unwrap();
    for label in ["version", "revision", "branch", "builddate", "goos", "goarch"] {
        assert!(build.label(label).is_some(), "{label}");
    }
    let go = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    assert_eq!(
        (build.label("goos"), build.label("goarch")),
        (Some("linux"), Some(go))
    );
}

#[test]
fn counts_tell_what_was_done() {
    let cluster = shared(newest_major());
    let (exporter, _layer) = start(cluster, &[]);
    let _ = exporter.scrape();
    let _ = exporter.scrape();
    let page = exporter.scrape();
    let count = |name: &str, labels: &[(&str, &str)]| value(&page, &format!("pg_exporter_{name}"), labels);
    assert_eq!(count("scrape_total_count", &[]), 3.0);
    assert_eq!(count("scrape_error_count", &[]), 0.0);
    let database = [("datname", "postgres")];
    assert_eq!(count("server_scrape_total_count", &database), 3.0);
    assert!(count("server_scrape_total_seconds", &database) >= count("server_scrape_duration", &database));
    let mine = [("datname", "postgres"), ("query", "mine")];
    assert_eq!(count("query_scrape_total_count", &mine), 3.0);
    assert_eq!(count("query_scrape_hit_count", &mine), 2.0);
    assert_eq!(count("query_scrape_metric_count", &mine), 1.0);
    let left = count("query_cache_ttl", &mine);
    assert!(left > 0.0 && left < 100.0, "{left}");
    let never = [("datname", "postgres"), ("query", "never")];
    assert_eq!(count("query_scrape_predicate_skip_count", &never), 3.0);
    assert_eq!(count("query_scrape_metric_count", &never), 0.0);
    assert_eq!(
        page.all("pg_exporter_query_scrape_predicate_skip_count").count(),
        1
    );
    assert_eq!(
        value(&page, "pg_exporter_health_state", &[("state", "primary")]),
        1.0
    );
}

#[test]
fn a_server_that_is_down_is_told_and_its_results_are_not_served() {
    let cluster = Cluster::start(majors()[0]);
    let (exporter, _layer) = start(&cluster, &[]);
    assert_eq!(value(&exporter.scrape(), "mine_one", &[]), 1.0);
    cluster.stop();
    let page = exporter.scrape();
    assert_eq!(value(&page, "pg_up", &[]), 0.0);
    assert_eq!(
        page.value("mine_one", &[]),
        None,
        "the cached result of a server that is down"
    );
    assert!(
        value(&page, "pg_version", &[]) >= 100_000.0,
        "the last known version is kept"
    );
    assert_eq!(value(&page, "pg_exporter_scrape_error_count", &[]), 1.0);
    cluster.start_again();
    pg_exporter_lab::wait_until("it is up again", PATIENCE, || {
        value(&exporter.scrape(), "pg_up", &[]) == 1.0
    });
    exporter.wait_for_status("/primary", 200, Duration::from_secs(30));
}

#[test]
fn a_namespace_renames_them_and_disable_intro_leaves_them_out() {
    let cluster = shared(newest_major());
    let (named, _layer) = start(cluster, &["--namespace=site"]);
    let page = named.scrape();
    assert_eq!(value(&page, "site_up", &[]), 1.0);
    assert_eq!(value(&page, "mine_one", &[]), 1.0);
    assert!(page.samples.iter().all(|sample| !sample.name.starts_with("pg_")));

    let (bare, _layer) = start(cluster, &["--disable-intro"]);
    let names: Vec<_> = bare
        .scrape()
        .samples
        .into_iter()
        .map(|sample| sample.name)
        .collect();
    assert!(names.contains(&"mine_one".to_owned()));
    assert!(
        names
            .iter()
            .all(|name| name == "mine_one" || name.starts_with("process_")),
        "{names:?}"
    );
}
