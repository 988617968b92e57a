//! The set for PostgreSQL 9.1 to 9.6, for which no server is at hand: what it is made of is compared with the contract
//! and with the main set, and it is planned for every version.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use pg_exporter::catalog::facts::Facts;
use pg_exporter::catalog::facts::Kind;
use pg_exporter::catalog::plan::{Context, plan};
use pg_exporter::schema::{Collector, Strictness, Usage, compile, read_dir};

/// Collectors of the set for 9.x, by section 5 of the contract.
const PRESENT: [&str; 37] = [
    "pg",
    "pg_meta",
    "pg_setting",
    "pg_repl",
    "pg_sync_standby",
    "pg_downstream",
    "pg_slot",
    "pg_recv",
    "pg_origin",
    "pg_size",
    "pg_archiver",
    "pg_bgwriter",
    "pg_checkpointer",
    "pg_ssl",
    "pg_checkpoint",
    "pg_timeline",
    "pg_recovery",
    "pg_activity",
    "pg_wait",
    "pg_xact",
    "pg_lock",
    "pg_query",
    "pg_db",
    "pg_db_confl",
    "pg_table",
    "pg_index",
    "pg_func",
    "pg_relkind",
    "pg_table_size",
    "pg_table_bloat",
    "pg_index_bloat",
    "pg_tsdb_hypertable",
    "pg_citus_node",
    "pg_heartbeat",
    "pgbouncer_list",
    "pgbouncer_database",
    "pgbouncer_stat",
];

/// The first version of each collector that does not exist from 9.1 on.
const FIRST: [(&str, u32); 9] = [
    ("pg_slot", 90_400),
    ("pg_archiver", 90_400),
    ("pg_ssl", 90_500),
    ("pg_recv", 90_600),
    ("pg_checkpoint", 90_600),
    ("pg_timeline", 90_600),
    ("pg_recovery", 90_600),
    ("pg_table_bloat", 90_400),
    ("pg_index_bloat", 90_400),
];

/// Metrics that only 9.x has.
const OWN: [&str; 2] = ["pg_setting_checkpoint_segments", "pg_setting_wal_keep_segments"];

fn legacy() -> Vec<Collector> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("collectors/legacy");
    let outcome = compile(
        &read_dir(&directory, "collectors/legacy").unwrap(),
        Strictness::Strict,
    );
    assert!(!outcome.has_errors(), "{:?}", outcome.diagnostics);
    outcome.collectors
}

/// Type and labels of the contract's metrics.
fn contract() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract/metrics.csv");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let labels = cells[2].split_whitespace().map(str::to_owned).collect();
            (cells[0].to_owned(), (cells[1].to_owned(), labels))
        })
        .collect()
}

fn names(collectors: &[Collector]) -> BTreeSet<&str> {
    collectors.iter().map(|collector| &*collector.name).collect()
}

#[test]
fn its_collectors_are_those_of_the_contract() {
    let collectors = legacy();
    let found = names(&collectors);
    let wanted: BTreeSet<&str> = PRESENT.into_iter().chain(["pgbouncer_pool"]).collect();
    assert_eq!(wanted.difference(&found).collect::<Vec<_>>(), [&""; 0], "missing");
    let ours = ["pg_table_size_skipped"];
    let extra: Vec<_> = found
        .difference(&wanted)
        .filter(|name| !ours.contains(name))
        .collect();
    assert_eq!(extra, [&""; 0], "not in the contract");
}

#[test]
fn its_metrics_are_those_of_the_main_set() {
    let contract = contract();
    let mut compared = 0;
    for collector in &legacy() {
        // Of 9.x alone: the index is a label of its own there.
        let labels: BTreeSet<String> = collector
            .labels()
            .map(|label| {
                if collector.name == "pg_index_bloat" {
                    label.name.replace("idxname", "relname")
                } else {
                    label.name.to_string()
                }
            })
            .collect();
        for column in collector.values().filter(|column| !OWN.contains(&&*column.name)) {
            let Some((kind, wanted)) = contract.get(&*column.name) else {
                // Beside the 1.x metrics: what came to pgbouncer since, on its console of any age.
                let beyond = ["total_client_login_count", "avg_client_login_count"];
                let is_later = collector.name == "pgbouncer_stat" && beyond.contains(&&*column.column);
                assert!(
                    is_later || collector.name == "pg_table_size_skipped",
                    "{} is not in the contract",
                    column.name
                );
                continue;
            };
            let found = match column.usage {
                Usage::Counter => "counter",
                Usage::Histogram => "histogram",
                _ => "gauge",
            };
            assert_eq!(found, kind, "{} of {}", column.name, collector.branch);
            if collector.name != "pgbouncer_pool" {
                assert_eq!(labels, *wanted, "{} of {}", column.name, collector.branch);
            }
            compared += 1;
        }
    }
    assert!(compared > 500, "{compared}");
}

#[test]
fn each_version_and_role_gets_one_branch_of_what_it_can_have() {
    let collectors: Vec<Arc<Collector>> = legacy().into_iter().map(Arc::new).collect();
    for version in [90_100, 90_200, 90_300, 90_400, 90_500, 90_600, 90_624] {
        for in_recovery in [false, true] {
            let facts = Facts {
                version,
                in_recovery,
                database: "postgres".into(),
                ..Facts::default()
            };
            let context = Context {
                kind: Kind::Postgres,
                discovered: false,
                tags: Arc::default(),
                skips: Arc::default(),
            };
            let plan = plan(&collectors, &facts, &context);
            let mut installed: Vec<&str> = plan.installed().map(|collector| &*collector.name).collect();
            installed.sort_unstable();
            let distinct: BTreeSet<&str> = installed.iter().copied().collect();
            assert_eq!(distinct.len(), installed.len(), "{version}: {installed:?}");
            let role_bound = if in_recovery { "pg_db_confl" } else { "pg_db" };
            for name in [
                "pg",
                "pg_setting",
                "pg_repl",
                "pg_activity",
                "pg_table",
                "pg_size",
                role_bound,
            ] {
                assert!(
                    distinct.contains(name),
                    "{name} on {version}, recovery {in_recovery}"
                );
            }
            for (name, first) in FIRST {
                assert!(
                    version >= first || !distinct.contains(name),
                    "{name} on {version}"
                );
            }
        }
    }
}
