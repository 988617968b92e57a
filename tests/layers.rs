//! Properties of random layers over the compiled set: nothing makes it panic, at most one branch of a collector is installed
//! on a database, and what is dumped loads back to the same.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use pg_exporter::catalog::compiled::COLLECTORS;
use pg_exporter::catalog::facts::Kind;
use pg_exporter::catalog::facts::{Extension, Facts};
use pg_exporter::catalog::plan::{Context, plan};
use pg_exporter::catalog::{Change, Live};
use pg_exporter::schema::{Collector, Source, Strictness, dump, layer};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

const TAGS: [&str; 9] = [
    "cluster",
    "primary",
    "replica",
    "pgbouncer",
    "extension:pg_stat_statements",
    "schema:shop",
    "dbname:app",
    "not:slow",
    "slow",
];

const VERSIONS: [u32; 9] = [
    0, 90_600, 100_000, 120_000, 140_000, 150_004, 160_000, 180_000, 190_000,
];

/// Some tunable keys with values that are mostly sound.
fn tuning() -> impl Strategy<Value = Map<String, Value>> {
    let all = (
        0_u32..4000,
        -1.0..30.0_f64,
        any::<(bool, bool)>(),
        -200_i64..400,
        0_u64..5000,
        subsequence(TAGS.to_vec(), 0..3),
    );
    let versions = (select(VERSIONS.to_vec()), select(VERSIONS.to_vec()));
    (all, versions, any::<u16>()).prop_map(
        |((ttl, timeout, flags, priority, max_series, tags), versions, chosen)| {
            let values = [
                ("ttl", json!(ttl)),
                ("timeout", json!(timeout)),
                ("skip", json!(flags.0)),
                ("fatal", json!(flags.1)),
                ("priority", json!(priority)),
                ("max_series", json!(max_series)),
                ("tags", json!(tags)),
                ("min_version", json!(versions.0.min(versions.1))),
                ("max_version", json!(versions.0.max(versions.1) + 1)),
            ];
            let is_chosen = |at: usize| chosen & (1 << at) != 0;
            values
                .into_iter()
                .enumerate()
                .filter(|(at, _)| is_chosen(*at))
                .map(|(_, (key, value))| (key.to_owned(), value))
                .collect()
        },
    )
}

/// An entry of a layer: it tunes a branch or a collector, or defines a branch of a known or a new one.
fn entry() -> impl Strategy<Value = (String, Value)> {
    (any::<Index>(), 0_u8..4, tuning(), 0_u32..3).prop_map(|(at, kind, mut keys, number)| {
        let known = at.get(COLLECTORS);
        let branch = match kind {
            0 => known.branch.to_string(),
            1 => known.name.to_string(),
            kind => {
                let name = if kind == 2 {
                    known.name.to_string()
                } else {
                    "site_own".to_owned()
                };
                keys.insert(
                    "metrics".to_owned(),
                    json!([{ "value": { "usage": "GAUGE", "description": "Value" } }]),
                );
                keys.insert("query".to_owned(), json!(format!("SELECT {number} AS value")));
                let branch = format!("{name}_x{number}");
                keys.insert("name".to_owned(), json!(name));
                branch
            }
        };
        (branch, Value::Object(keys))
    })
}

fn facts() -> impl Strategy<Value = (Facts, Context)> {
    (select(VERSIONS.to_vec()), any::<[bool; 5]>()).prop_map(
        |(version, [in_recovery, extension, discovered, slow, pgbouncer])| {
            let one = |name: &str, there: bool| -> BTreeSet<String> {
                there.then(|| name.to_owned()).into_iter().collect()
            };
            let facts = Facts {
                version,
                in_recovery,
                database: "app".to_owned(),
                schemas: one("shop", extension),
                extensions: one("pg_stat_statements", extension)
                    .into_iter()
                    .map(|name| (name, Extension::default()))
                    .collect(),
                ..Facts::default()
            };
            let kind = if pgbouncer {
                Kind::Pgbouncer
            } else {
                Kind::Postgres
            };
            (
                facts,
                Context {
                    kind,
                    discovered,
                    tags: Arc::new(one("slow", slow)),
                    skips: Arc::default(),
                },
            )
        },
    )
}

fn layered(files: &[Vec<(String, Value)>]) -> Option<Vec<Collector>> {
    let sources = files.iter().enumerate().map(|(at, entries)| {
        let entries: Map<String, Value> = entries.iter().cloned().collect();
        Source::new(format!("{at}.yml"), Value::Object(entries).to_string())
    });
    let outcome = layer(COLLECTORS, &sources.collect::<Vec<_>>(), Strictness::Lenient);
    (!outcome.has_errors()).then_some(outcome.collectors)
}

fn assert_loads_back(collectors: &[Collector]) {
    let text = dump(collectors);
    let again = layer(&[], &[Source::new("dump.yml", text)], Strictness::Lenient);
    assert!(!again.has_errors(), "{:?}", again.diagnostics);
    let (old, new) = (Live::new(collectors.iter().cloned()), Live::new(again.collectors));
    assert!(old.means_the_same_as(&new), "{:?}", Change::between(&old, &new));
    assert_eq!(old.hash, new.hash);
}

fn assert_one_branch_each(live: &Live, facts: &Facts, context: &Context) {
    let plan = plan(&live.collectors, facts, context);
    assert_eq!(plan.verdicts.len(), live.collectors.len(), "each has its verdict");
    let mut names: Vec<&str> = plan.installed().map(|collector| &*collector.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "two branches of one collector are installed");
}

#[test]
fn random_layers_hold_the_promises_of_the_set() {
    let (cases, usable) = (64, Cell::new(0_u32));
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    });
    let files = prop::collection::vec(prop::collection::vec(entry(), 1..4), 1..3);
    let facts = prop::collection::vec(facts(), 8);
    let base = Live::new(COLLECTORS.iter().cloned());
    let result = runner.run(&(files, facts), |(files, facts)| {
        let Some(collectors) = layered(&files) else {
            return Ok(());
        };
        usable.set(usable.get() + 1);
        assert_loads_back(&collectors);
        let live = Live::new(collectors);
        for (facts, context) in &facts {
            assert_one_branch_each(&live, facts, context);
        }
        let (there, back) = (Change::between(&base, &live), Change::between(&live, &base));
        prop_assert_eq!((&there.added, &there.removed), (&back.removed, &back.added));
        prop_assert_eq!(base.hash == live.hash, base.means_the_same_as(&live));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    assert!(
        usable.get() > cases / 4,
        "only {} of {cases} layers were usable: the test shows too little",
        usable.get()
    );
}
