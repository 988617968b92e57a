#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;

use pg_exporter_schema::{Source, Strictness, compile};

use super::*;
use crate::scrape::DatabaseOverview;

/// A database's name and the verdict there.
type Planned<'a> = (&'a str, Option<Verdict>);

fn overview(yaml: &str, databases: &[Planned<'_>]) -> Overview {
    let outcome = compile(&[Source::new("x.yml", yaml)], Strictness::Strict);
    assert!(!outcome.has_errors(), "{:?}", outcome.diagnostics);
    let databases = databases.iter().map(|(name, verdict)| DatabaseOverview {
        name: (*name).to_owned(),
        verdicts: vec![verdict.clone()],
        ..DatabaseOverview::default()
    });
    Overview {
        collectors: outcome.collectors.into_iter().map(Arc::new).collect(),
        databases: databases.collect(),
        ..Overview::default()
    }
}

const PLAIN: &str = "
pg_stat_database:
  query: SELECT datname, numbackends FROM pg_stat_database
  tags: [cluster]
  ttl: 10
  min_version: 100000
  metrics: [ datname: { usage: LABEL }, numbackends: { usage: GAUGE, description: A } ]
";

/// The last line, or the lines after `Status:`.
fn status_of(yaml: &str, databases: &[Planned<'_>]) -> String {
    let overview = overview(yaml, databases);
    let text = Explain::new(&overview).text();
    text.split_once("  Status:").unwrap().1.trim_end().to_owned()
}

#[test]
fn the_text_is_that_of_the_contract() {
    let active = [
        ("app", Some(Verdict::Active)),
        ("other", Some(Verdict::Inactive(Why::Discovered))),
    ];
    let overview = overview(PLAIN, &active);
    let expected = "Collector: pg_stat_database\n  Query: SELECT datname, numbackends FROM pg_stat_database\n  \
                    Tags: [cluster]\n  TTL: 10s\n  Timeout: 100ms\n  Version: 100000-999999\n  Status: Active\n";
    assert_eq!(Explain::new(&overview).text(), expected);
}

#[test]
fn a_branch_of_another_name_and_a_long_query_are_shown() {
    let yaml = "x_14:\n  name: x\n  timeout: -1\n  max_version: 160000\n  query: |\n    SELECT 1\n      AS a\n  metrics: [ a: { usage: GAUGE, description: A } ]\n";
    let overview = overview(yaml, &[("app", Some(Verdict::Skipped))]);
    let expected = "Collector: x\n  Branch: x_14\n  Query: SELECT 1\n           AS a\n  Tags: []\n  TTL: 0s\n  Timeout: none\n  \
                    Version: 0-159999\n  Status: Skipped\n";
    assert_eq!(Explain::new(&overview).text(), expected);
}

#[test]
fn statuses_are_shown_per_database_where_they_differ() {
    let missing = |database: &str| Some(Verdict::Inactive(Why::Extension("citus".into(), database.into())));
    let table: [(&[Planned<'_>], &str); 5] = [
        (
            &[("a", missing("a"))],
            " Inactive (extension citus is not installed in a)",
        ),
        (
            &[("a", missing("a")), ("b", missing("b"))],
            " Inactive (extension citus is not installed in any database)",
        ),
        (
            &[("a", Some(Verdict::Active)), ("b", missing("b"))],
            "\n    a: Active\n    b: Inactive (extension citus is not installed in b)",
        ),
        (
            &[("a", None)],
            " Pending (planned at the next scrape that reaches the database)",
        ),
        (
            &[],
            " Pending (planned at the next scrape that reaches the database)",
        ),
    ];
    for (databases, expected) in table {
        assert_eq!(status_of(PLAIN, databases), expected);
    }
    let primary = PLAIN.replace("cluster", "primary");
    assert_eq!(
        status_of(&primary, &[("a", Some(Verdict::Active))]),
        " Active (primary only)"
    );
    let old = Some(Verdict::Inactive(Why::TooOld {
        version: 150_004,
        min: 160_000,
    }));
    assert_eq!(
        status_of(PLAIN, &[("a", old)]),
        " Inactive (server version 150004 below 160000)"
    );
}

#[test]
fn the_json_has_all_of_it() {
    let overview = overview(
        PLAIN,
        &[("a", Some(Verdict::Active)), ("b", Some(Verdict::Skipped))],
    );
    let json: serde_json::Value = serde_json::from_str(&Explain::new(&overview).json()).unwrap();
    let expected = serde_json::json!([{
        "collector": "pg_stat_database",
        "branch": "pg_stat_database",
        "query": "SELECT datname, numbackends FROM pg_stat_database",
        "tags": ["cluster"],
        "ttl_seconds": 10.0,
        "timeout_seconds": 0.1,
        "min_version": 100_000,
        "max_version": null,
        "proven": null,
        "status": null,
        "databases": [
            { "database": "a", "status": "Active", "protocol": "prepared" },
            { "database": "b", "status": "Skipped", "protocol": "prepared" },
        ],
    }]);
    assert_eq!(json, expected);
}
