//! Counters of the cluster: WAL, checkpoints, background writer, I/O, SLRU.

use pg_exporter_lab::{Cluster, Exporter};

use super::{some_majors, watch};
use crate::agree::{Check, agree, columns, same};
use crate::layer::Layer;
use crate::support::value;

const EPOCH: (&str, &str) = ("reset_time", "extract(epoch from stats_reset)");

#[test]
fn counters_move_with_the_server() {
    for major in some_majors(&[10, 13, 14, 16, 17, 18]) {
        let cluster = Cluster::builder(major).set("autovacuum", "off").start();
        let exporter = watch(&cluster, "postgres", &Layer::patient(&[]));
        let before = exporter.scrape();
        let request = if major >= 17 {
            "num_requested from pg_stat_checkpointer"
        } else {
            "checkpoints_req from pg_stat_bgwriter"
        };
        let requested: f64 = cluster.psql(&format!("select {request}")).parse().unwrap();
        cluster.psql(
            "create table t as select n, repeat('x', 100) from generate_series(1, 50000) n; checkpoint",
        );
        cluster.wait_for(&format!("select {request}"), &(requested + 1.0).to_string());
        agree(&exporter, &cluster, "postgres", &checks(major));
        assert_moved(&exporter, &before, major);
        assert_eq!(
            value(&exporter.scrape(), "pg_checkpointer_req", &[]),
            requested + 1.0
        );
    }
}

fn assert_moved(exporter: &Exporter, before: &pg_exporter_lab::Page, major: u32) {
    let after = exporter.scrape();
    let moved = |name: &str, labels: &[(&str, &str)], least: f64| {
        let (before, after) = (value(before, name, labels), value(&after, name, labels));
        assert!(
            after >= before + least,
            "PostgreSQL {major}: {name} went from {before} to {after}"
        );
    };
    moved("pg_checkpointer_buffers_written", &[], 1.0);
    moved("pg_lsn", &[], 5e6);
    moved("pg_checkpoint_checkpoint_lsn", &[], 5e6);
    if major >= 13 {
        let transactions = if major >= 17 { "transaction" } else { "Xact" };
        moved("pg_slru_blks_hit", &[("name", transactions)], 1.0);
    }
    if major >= 14 {
        moved("pg_wal_bytes", &[], 5e6);
        moved("pg_wal_records", &[], 50_000.0);
    }
    if major >= 16 {
        let client = [
            ("type", "client backend"),
            ("object", "relation"),
            ("context", "bulkwrite"),
        ];
        moved("pg_io_extends", &client, 1.0);
        let checkpointer = [
            ("type", "checkpointer"),
            ("object", "relation"),
            ("context", "normal"),
        ];
        moved("pg_io_writes", &checkpointer, 1.0);
    }
    if major >= 18 {
        let client = [
            ("type", "client backend"),
            ("object", "relation"),
            ("context", "bulkwrite"),
        ];
        moved("pg_io_extend_bytes", &client, 1e6);
    }
}

fn checks(major: u32) -> Vec<Check> {
    let mut checks = background(major);
    if major >= 13 {
        let names = "blks_zeroed blks_hit blks_read blks_written blks_exists flushes truncates";
        checks.extend(same("pg_slru", "name", "pg_stat_slru", names));
        checks.extend(columns("pg_slru", "name", "pg_stat_slru", &[EPOCH]));
    }
    if major >= 14 {
        let mut wal = vec![
            ("records", "wal_records"),
            ("fpi", "wal_fpi"),
            ("bytes", "wal_bytes"),
            ("buffers_full", "wal_buffers_full"),
            EPOCH,
        ];
        if major < 18 {
            wal.extend([
                ("write", "wal_write"),
                ("sync", "wal_sync"),
                ("write_time", "wal_write_time / 1000"),
                ("sync_time", "wal_sync_time / 1000"),
            ]);
        }
        checks.extend(columns("pg_wal", "", "pg_stat_wal", &wal));
    }
    if major >= 16 {
        checks.extend(io(major));
    }
    checks
}

/// Below 17 one view holds the counters of both processes.
fn background(major: u32) -> Vec<Check> {
    let mut checks = same(
        "pg_bgwriter",
        "",
        "pg_stat_bgwriter",
        "buffers_clean maxwritten_clean buffers_alloc",
    );
    checks.extend(columns("pg_bgwriter", "", "pg_stat_bgwriter", &[EPOCH]));
    if major < 17 {
        let names =
            "checkpoints_timed checkpoints_req buffers_checkpoint buffers_backend buffers_backend_fsync";
        checks.extend(same("pg_bgwriter", "", "pg_stat_bgwriter", names));
        let times = [
            ("checkpoint_write_time", "checkpoint_write_time / 1000"),
            ("checkpoint_sync_time", "checkpoint_sync_time / 1000"),
        ];
        checks.extend(columns("pg_bgwriter", "", "pg_stat_bgwriter", &times));
    }
    let (view, names) = if major < 17 {
        (
            "pg_stat_bgwriter",
            [
                "checkpoints_timed",
                "checkpoints_req",
                "checkpoint_write_time / 1000",
                "checkpoint_sync_time / 1000",
                "buffers_checkpoint",
            ],
        )
    } else {
        (
            "pg_stat_checkpointer",
            [
                "num_timed",
                "num_requested",
                "write_time / 1000",
                "sync_time / 1000",
                "buffers_written",
            ],
        )
    };
    let suffixes = ["timed", "req", "write_time", "sync_time", "buffers_written"];
    let pairs: Vec<_> = suffixes.into_iter().zip(names).chain([EPOCH]).collect();
    checks.extend(columns("pg_checkpointer", "", view, &pairs));
    if major >= 17 {
        checks.extend(same("pg_checkpointer", "", view, "restartpoints_timed"));
        checks.extend(columns(
            "pg_checkpointer",
            "",
            view,
            &[
                ("restartpoints_req", "restartpoints_req"),
                ("restartpoints_done", "restartpoints_done"),
            ],
        ));
    }
    if major >= 18 {
        checks.extend(columns(
            "pg_checkpointer",
            "",
            view,
            &[("done", "num_done"), ("slru_written", "slru_written")],
        ));
    }
    checks
}

/// Only what the exporter's own connections, and psql's, do not change.
fn io(major: u32) -> Vec<Check> {
    let from = "pg_stat_io where backend_type in ('checkpointer', 'background writer', 'startup')";
    let mut pairs: Vec<(&str, String)> = "reads writes writebacks extends hits evictions reuses fsyncs"
        .split_whitespace()
        .map(|name| (name, format!("coalesce({name}, 0)")))
        .collect();
    for name in "read_time write_time writeback_time extend_time fsync_time".split_whitespace() {
        pairs.push((name, format!("coalesce({name}, 0) / 1000")));
    }
    if major >= 18 {
        for name in ["read_bytes", "write_bytes", "extend_bytes"] {
            pairs.push((name, format!("coalesce({name}, 0)")));
        }
    }
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, expression)| (*name, expression.as_str()))
        .collect();
    let checks = columns("pg_io", "backend_type, object, context", from, &pairs);
    checks.into_iter().map(Check::some).collect()
}
