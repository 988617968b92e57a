//! Results of any size cost their collector alone, and the exporter no more memory than it has.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicU32, Ordering};

use pg_exporter_lab::Exporter;

use crate::support::{Layer, SOON, State, answer, cluster, page_within, wait_for_state};

/// What the process may have in memory.
const MEMORY: u64 = 256 << 20;

/// A program that runs the exporter under a limit of the system, somewhat larger for what is only reserved.
fn limited() -> std::path::PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("pgx-limited-{}-{number}.sh", std::process::id()));
    let exporter = env!("CARGO_BIN_EXE_pg_exporter");
    let script = format!("#!/bin/sh\nulimit -v 786432\nexec {exporter} \"$@\"\n");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn collector(name: &str, query: &str) -> String {
    format!(
        "{name}: {{ query: {query:?}, tags: [cluster], timeout: 100, metrics: [ {{ label: {{ usage: LABEL, description: Text. }} }}, \
         {{ value: {{ usage: GAUGE, description: Value. }} }} ] }}\n"
    )
}

#[test]
fn results_that_are_too_large_cost_their_collector() {
    let cluster = cluster();
    cluster.psql(
        "create function public.shout() returns int language plpgsql as $$ begin raise exception '%', repeat('x', 50000000); end $$;
         create function public.whisper() returns int language plpgsql as $$ begin raise warning '%', repeat('x', 50000000); \
         return 1; end $$",
    );
    let queries = [
        (
            "labels",
            "SELECT pg_catalog.repeat('x', 10000000) AS label, 1 AS value FROM pg_catalog.generate_series(1, 100)",
        ),
        (
            "text",
            "SELECT '' AS label, 1 AS value, pg_catalog.repeat('x', 500000000) AS other",
        ),
        (
            "rows",
            "SELECT '' AS label, n AS value FROM pg_catalog.generate_series(1, 30000) AS n",
        ),
        (
            "bytes",
            "SELECT n || pg_catalog.repeat('x', 1000) AS label, n AS value FROM pg_catalog.generate_series(1, 19000) AS n",
        ),
        (
            "label",
            "SELECT pg_catalog.repeat('x', 70000) AS label, 1 AS value",
        ),
        (
            "simple",
            "SELECT pg_catalog.repeat('x', 10000000) AS label, '(0,0)'::pg_catalog.point AS value \
                    FROM pg_catalog.generate_series(1, 50)",
        ),
    ];
    let mut yaml: String = queries
        .iter()
        .map(|(name, query)| collector(name, query))
        .collect();
    yaml.push_str(&collector("shout", "SELECT '' AS label, public.shout() AS value"));
    yaml.push_str(&collector(
        "whisper",
        "SELECT '' AS label, public.whisper() AS value",
    ));
    yaml.push_str(&collector("zz_fine", "SELECT 'fine' AS label, 42 AS value"));
    let layer = Layer::new(&yaml);
    let exporter = Exporter::builder(limited())
        .url(&cluster.url("postgres"))
        .args([
            layer.flag(),
            "--no-builtin".into(),
            "--max-result-rows=20000".into(),
        ])
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    let (page, _) = page_within(&exporter, 115.0);
    {
        assert_eq!(page.value("pg_up", &[]), Some(1.0), "{}", exporter.stderr());
        assert_eq!(
            page.value("zz_fine_value", &[("label", "fine")]),
            Some(42.0),
            "{}",
            exporter.stderr()
        );
        assert_eq!(
            page.value("whisper_value", &[("label", "")]),
            Some(1.0),
            "{}",
            exporter.stderr()
        );
        assert_eq!(answer(&exporter, "/primary").0, 200);
    }
    for name in queries.iter().map(|(name, _)| *name).chain(["shout"]) {
        let failed = page.value(
            "pg_exporter_query_failures_total",
            &[("query", name), ("reason", "too_large")],
        );
        assert!(
            failed.is_some_and(|count| count >= 1.0),
            "{name}: {}",
            exporter.stderr()
        );
    }
    let peak = exporter.peak_rss();
    assert!(peak < MEMORY, "{} MB", peak >> 20);
}

/// Many that are each within their bound, at once: what they have together has one, too.
#[test]
fn many_large_results_have_a_bound_together() {
    let cluster = cluster();
    let databases = ["one", "two", "three", "four"];
    databases.iter().for_each(|name| cluster.create_database(name));
    // Some 14 MB on the wire and 15 MB of lines each, on five databases: 300 MB together.
    let queries = (0..4).map(|number| {
        let query = "SELECT n || pg_catalog.repeat('x', 1000) AS label, n AS value FROM pg_catalog.generate_series(1, 14000) AS n";
        collector(&format!("big_{number}"), query).replace("tags: [cluster]", "tags: []")
    });
    let mut yaml: String = queries.collect();
    yaml.push_str(&collector("zz_fine", "SELECT 'fine' AS label, 42 AS value"));
    let layer = Layer::new(&yaml);
    let exporter = Exporter::builder(limited())
        .url(&cluster.url("postgres"))
        .args([layer.flag(), "--no-builtin".into(), "--disable-cache".into()])
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    for _ in 0..3 {
        let (page, _) = page_within(&exporter, 60.0);
        let log = exporter.stderr();
        assert_eq!(page.value("pg_up", &[]), Some(1.0), "{log}");
        assert_eq!(
            page.value("zz_fine_value", &[("label", "fine")]),
            Some(42.0),
            "{log}"
        );
        let series = page
            .samples
            .iter()
            .filter(|sample| sample.name.starts_with("big_"))
            .count();
        assert!(
            (14_000..20 * 14_000).contains(&series),
            "{series}: some, and not all: {log} {}",
            exporter.get("/stat").text()
        );
        let refused = page.all("pg_exporter_query_failures_total");
        let refused: f64 = refused
            .filter(|sample| sample.label("reason") == Some("too_large"))
            .map(|sample| sample.value)
            .sum();
        assert!(refused >= 1.0, "{log}");
        assert_eq!(answer(&exporter, "/primary").0, 200);
    }
    let peak = exporter.peak_rss();
    eprintln!("20 results of 15 MB: peak {} MB", peak >> 20);
    assert!(peak < MEMORY, "{} MB", peak >> 20);
}
