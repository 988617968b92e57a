#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use pg_exporter_schema::{Source, Strictness, compile};

use super::*;

const YAML: &str = "
a_new: { name: a, query: SELECT 1, min_version: 180000, ttl: 60, metrics: [ n: { usage: GAUGE, description: N } ] }
a_old: { name: a, query: SELECT 1, max_version: 180000, ttl: 10, metrics: [ n: { usage: GAUGE, description: N } ] }
b: { query: SELECT 1, tags: [ \"extension:x\" ], metrics: [ n: { usage: GAUGE, description: N } ] }
c: { query: SELECT 1, metrics: [ n: { usage: GAUGE, description: N } ] }
";

fn one(branch: &str, state: &'static str, duration: f64) -> CollectorOverview {
    CollectorOverview {
        name: "a".to_owned(),
        branch: branch.to_owned(),
        state,
        duration,
        executions: 1,
        series: 5,
        age: Some(duration),
        ..CollectorOverview::default()
    }
}

/// `a` on three databases, `b` on none for want of an extension, `c` not planned.
fn overview() -> Overview {
    let outcome = compile(&[Source::new("x.yml", YAML)], Strictness::Strict);
    assert!(!outcome.has_errors(), "{:?}", outcome.diagnostics);
    let old = Verdict::Inactive(Why::TooOld {
        version: 170_000,
        min: 180_000,
    });
    let missing = Verdict::Inactive(Why::Extension("x".to_owned(), "d".to_owned()));
    let database = |name: &str, state, duration| DatabaseOverview {
        name: name.to_owned(),
        verdicts: vec![
            Some(old.clone()),
            Some(Verdict::Active),
            Some(missing.clone()),
            None,
        ],
        collectors: vec![one("a_old", state, duration)],
        ..DatabaseOverview::default()
    };
    Overview {
        collectors: outcome.collectors.into_iter().map(Arc::new).collect(),
        databases: vec![
            database("d", "ok", 1.0),
            database("e", "failed", 3.0),
            database("f", "paused", 2.0),
        ],
        ..Overview::default()
    }
}

#[test]
fn a_row_is_about_all_databases_and_the_worst_of_them() {
    let overview = overview();
    let rows = rows(&overview);
    let states: Vec<_> = rows.iter().map(|row| (row.name, row.state, &*row.note)).collect();
    let expected = [
        ("a", "failed", "on 1 of 3 databases"),
        ("b", "inactive", "extension x is not installed in d"),
        ("c", "not planned yet", ""),
    ];
    assert_eq!(states, expected);
    let a = rows.first().unwrap();
    assert_eq!((a.seconds, a.series, a.age), (Some(3.0), 15, Some(3.0)));
    assert_eq!(a.ttl, Duration::from_secs(10), "that of the branch installed");
    assert_eq!(a.age(), "3 s / 10 s");
}

#[test]
fn rows_without_a_figure_come_last_in_either_order() {
    let overview = overview();
    for (query, expected) in [
        ("sort=age&order=desc", ["a", "b", "c"]),
        ("sort=age&order=asc", ["a", "b", "c"]),
        ("sort=name&order=desc", ["c", "b", "a"]),
        ("sort=state&order=asc", ["a", "c", "b"]),
    ] {
        let mut rows = rows(&overview);
        sort(&mut rows, &Options::read(query));
        let names: Vec<_> = rows.iter().map(|row| row.name).collect();
        assert_eq!(names, expected, "{query}");
    }
}
