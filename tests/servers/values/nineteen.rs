//! What is for PostgreSQL 19 alone, where the lab has no such server: 18, with objects that stand in for what 19 has more, and the
//! branches for 19 in place of those for 18. A real server of 19, where one is given, runs in all other tests.

use std::fmt::Write as _;

use pg_exporter::catalog::compiled::COLLECTORS;
use pg_exporter_lab::{Cluster, Page, majors};

use super::watch;
use crate::layer::{Layer, patience};
use crate::support::{failures, value};

const NINETEEN: u32 = 190_000;
const STAND_INS: &str = include_str!("nineteen/views.sql");

/// Branches for 19 are for releases of 18 after the first, too, and those that they follow are for the first.
fn as_on_nineteen() -> Layer {
    let mut yaml = patience(&[]);
    for collector in COLLECTORS {
        let branch = &collector.branch;
        if collector.min_version == NINETEEN {
            let is_named_by_patience = branch == &collector.name;
            if is_named_by_patience {
                let line = format!("{branch}: {{ timeout: 30");
                yaml = yaml.replace(&line, &format!("{line}, min_version: 180001"));
            } else {
                writeln!(yaml, "{branch}: {{ min_version: 180001 }}").unwrap();
            }
        } else if collector.max_version == NINETEEN {
            writeln!(yaml, "{branch}: {{ max_version: 180001 }}").unwrap();
        }
    }
    Layer::new(&yaml)
}

#[test]
fn nothing_for_nineteen_is_asked_of_older_servers() {
    let of_nineteen = COLLECTORS.iter().filter(|collector| {
        let text = &collector.query;
        [
            "backup_type",
            "submaxretention",
            "pg_publication_sequences",
            "pg_dsm_registry_allocations",
            "repack_index_relid",
        ]
        .iter()
        .chain(&["generic_plan_calls", "stat_reset_time", "slotsync", "started_by"])
        .any(|word| text.contains(word))
    });
    let branches: Vec<_> = of_nineteen.collect();
    assert!(branches.len() >= 8, "only {} branches", branches.len());
    for branch in branches {
        assert_eq!(branch.min_version, NINETEEN, "{}", branch.branch);
    }
}

#[test]
fn what_only_nineteen_tells() {
    if !majors().contains(&18) {
        return;
    }
    let cluster = Cluster::builder(18).set("allow_system_table_mods", "on").start();
    cluster.psql("create role app_user login");
    cluster.psql(STAND_INS);
    cluster.psql("select pg_create_logical_replication_slot('late', 'test_decoding')");
    for _ in 0..6 {
        cluster.psql("set role app_user; select 'counted'");
    }
    let standby = cluster.standby();
    standby.wait_for("select count(*) from pg_extension where extversion = '1.13'", "1");
    let layer = as_on_nineteen();
    let primary = watch(&cluster, "postgres", &layer);
    let page = primary.scrape();
    assert_eq!(failures(&page), Vec::<String>::new(), "{}", primary.stderr());
    subscriptions(&page);
    maintenance(&page);
    the_server(&page);
    objects(&page);

    let replica = watch(&standby, "postgres", &layer);
    let page = replica.scrape();
    assert_eq!(failures(&page), Vec::<String>::new(), "{}", replica.stderr());
    recovery(&page);
}

/// Values of columns of one collector.
#[track_caller]
fn assert_values(page: &Page, collector: &str, labels: &[(&str, &str)], expected: &[(&str, f64)]) {
    for (column, expected) in expected {
        let name = format!("{collector}_{column}");
        let found = value(page, &name, labels);
        assert!(
            found == *expected || (found.is_nan() && expected.is_nan()),
            "{name} {labels:?} is {found}, not {expected}"
        );
    }
}

fn subscriptions(page: &Page) {
    let orders = [("subname", "orders")];
    assert_values(
        page,
        "pg_sub",
        &orders,
        &[
            ("id", 1.0),
            ("pid", 4711.0),
            ("has_worker", 1.0),
            ("received_lsn", 32.0),
            ("reported_lsn", 16.0),
            ("msg_send_time", 100.0),
            ("msg_recv_time", 101.0),
            ("reported_time", 102.0),
            ("apply_error_count", 1.0),
            ("sync_table_error_count", 2.0),
            ("sync_seq_error_count", 3.0),
            ("sync_error_count", 5.0),
            ("confl_insert_exists", 4.0),
            ("confl_update_deleted", 7.0),
            ("confl_multiple_unique_conflicts", 11.0),
            ("reset_time", 103.0),
        ],
    );
    let deleted = [("subname", "orders"), ("type", "update_deleted")];
    assert_eq!(value(page, "pg_sub_conflict_total", &deleted), 7.0);
    // It kept dead rows until that took longer than 90 s.
    assert_values(
        page,
        "pg_sub_worker",
        &orders,
        &[
            ("enabled", 1.0),
            ("apply", 1.0),
            ("retain_dead_tuples", 1.0),
            ("retention_active", 0.0),
            ("max_retention_seconds", 90.0),
        ],
    );
}

fn maintenance(page: &Page) {
    let ours = [
        ("pid", "51"),
        ("relname", "public.mine"),
        ("command", "REPACK"),
        ("idxname", "public.mine_pkey"),
    ];
    assert_values(
        page,
        "pg_repacking",
        &ours,
        &[
            ("scanned_ratio", 0.25),
            ("scanned_rows", 52.0),
            ("inserted_rows", 53.0),
            ("updated_rows", 54.0),
            ("deleted_rows", 55.0),
            ("rebuilt_indexes", 56.0),
        ],
    );
    // OIDs of another database are not looked up in this one, where 1247 is pg_type.
    let theirs = [
        ("pid", "57"),
        ("relname", "1247"),
        ("command", "VACUUM FULL"),
        ("idxname", ""),
    ];
    assert!(value(page, "pg_repacking_scanned_ratio", &theirs).is_nan());
    let sorted = [("pid", "58"), ("datname", "elsewhere"), ("idxname", "2")];
    assert_eq!(value(page, "pg_repacking_scanned_rows", &sorted), 0.0);
    for labels in [
        [
            ("pid", "61"),
            ("datname", "postgres"),
            ("relname", "public.mine"),
            ("command", "VACUUM"),
            ("mode", "failsafe"),
            ("started_by", "autovacuum_wraparound"),
        ],
        [
            ("pid", "63"),
            ("datname", ""),
            ("relname", ""),
            ("command", "BASE_BACKUP"),
            ("mode", "incremental"),
            ("started_by", ""),
        ],
    ] {
        assert_eq!(value(page, "pg_maintenance_info", &labels), 1.0);
    }
    let analyze = [
        ("pid", "62"),
        ("datname", "elsewhere"),
        ("command", "ANALYZE"),
        ("started_by", "manual"),
    ];
    assert_eq!(value(page, "pg_maintenance_info", &analyze), 1.0);
    assert_values(
        page,
        "pg_vacuum_score",
        &[("datname", "postgres")],
        &[
            ("max_score", 1.5),
            ("table_count", 2.0),
            ("candidate_count", 2.0),
            ("wraparound_candidate_count", 0.0),
        ],
    );
}

fn the_server(page: &Page) {
    let wal = [
        ("records", 21.0),
        ("fpi", 22.0),
        ("bytes", 23.0),
        ("fpi_bytes", 24.0),
        ("buffers_full", 25.0),
        ("reset_time", 104.0),
    ];
    assert_values(page, "pg_wal", &[], &wal);
    let relation = [
        ("waits", 31.0),
        ("wait_time", 1.5),
        ("fastpath_exceeded", 32.0),
        ("reset_time", 107.0),
    ];
    assert_values(page, "pg_lock_stat", &[("locktype", "relation")], &relation);
    assert_values(
        page,
        "pg_lock_stat",
        &[("locktype", "tuple")],
        &[("reset_time", f64::NAN)],
    );
    let slot = [("slot_name", "late"), ("skip_reason", "wal_not_flushed")];
    let skipped = [
        ("mem_exceeded_count", 71.0),
        ("skip_count", 72.0),
        ("last_skip_timestamp_seconds", 108.0),
    ];
    assert_values(page, "pg_slot_sync", &slot, &skipped);
    let multixacts = [
        ("ids", 81.0),
        ("members", 82.0),
        ("member_bytes", 83.0),
        ("oldest_id", 84.0),
    ];
    assert_values(page, "pg_multixact", &[], &multixacts);
    for (name, kind, bytes) in [
        ("queue", "segment", 1024.0),
        ("table", "hash", 4096.0),
        ("half", "area", f64::NAN),
    ] {
        assert_values(
            page,
            "pg_dsm_registry",
            &[("name", name), ("type", kind)],
            &[("bytes", bytes)],
        );
    }
    assert!(
        value(page, "pg_setting_max_repack_replication_slots", &[]).is_nan(),
        "18 has no such setting"
    );
}

fn objects(page: &Page) {
    for (publication, sequences) in [("all", 2.0), ("some", 1.0)] {
        let labels = [("datname", "postgres"), ("pubname", publication)];
        assert_eq!(value(page, "pg_published_seq_sequences", &labels), sequences);
    }
    for (kind, last) in [
        ("table", 115.0),
        ("index", 120.0),
        ("sequence", 121.0),
        ("function", 130.0),
    ] {
        let labels = [("datname", "postgres"), ("kind", kind)];
        assert_values(
            page,
            "pg_stats_reset",
            &labels,
            &[("objects", 1.0), ("last_timestamp_seconds", last)],
        );
    }
    let counted: Vec<_> = page.all("pg_query_plan_generic_calls_total").collect();
    assert!(!counted.is_empty(), "no statement's plans are counted");
    for sample in counted {
        let query = [("query", sample.label("query").unwrap())];
        let plans = [("generic_calls_total", 91.0), ("custom_calls_total", 92.0)];
        assert_values(page, "pg_query_plan", &query, &plans);
        assert!(value(page, "pg_query_calls", &query) >= 6.0);
    }
}

fn recovery(page: &Page) {
    assert_values(
        page,
        "pg_recovery_state",
        &[],
        &[
            ("promote_triggered", 0.0),
            ("last_replayed_read_lsn", 48.0),
            ("last_replayed_end_lsn", 64.0),
            ("last_replayed_tli", 2.0),
            ("replay_end_lsn", 80.0),
            ("replay_end_tli", 3.0),
            ("recovery_last_xact_time", 105.0),
            ("current_chunk_start_time", 106.0),
            ("pause_state", 1.0),
        ],
    );
}
