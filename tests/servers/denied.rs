//! A function that the role may not execute costs what it tells, and nothing beside it.

use std::collections::BTreeSet;

use pg_exporter::catalog::compiled::COLLECTORS;
use pg_exporter::schema::{Collector, Tag};
use pg_exporter_lab::{Cluster, Page, majors_among};

use crate::layer::{Layer, patience};
use crate::support::{assert_healthy, exporter, failures, thorough, value};

/// What is lost of a primary without a function: metrics, or series by what tells them apart.
const OF_A_PRIMARY: &[(&str, &[&str])] = &[
    ("pg_conf_load_time", &["pg_conf_reload_time", "pg_reload_time"]),
    ("pg_control_checkpoint", &[]),
    ("pg_control_system", &["pg_meta_info cluster_id"]),
    ("pg_current_wal_flush_lsn", &["pg_flush_lsn"]),
    ("pg_current_wal_insert_lsn", &["pg_insert_lsn"]),
    (
        "pg_current_wal_lsn",
        &[
            "pg_lsn",
            "pg_repl_flush_diff",
            "pg_repl_lsn",
            "pg_repl_replay_diff",
            "pg_repl_sent_diff",
            "pg_repl_write_diff",
            "pg_slot_retained_bytes",
            "pg_write_lsn",
        ],
    ),
    (
        "pg_database_size",
        &[
            "pg_size_bytes postgres",
            "pg_size_bytes template0",
            "pg_size_bytes template1",
        ],
    ),
    (
        "pg_get_replication_slots",
        &["pg_xmin_age_xids slot", "pg_xmin_age_xids slot_catalog"],
    ),
    ("pg_last_wal_replay_lsn", &[]),
    ("pg_postmaster_start_time", &["pg_boot_time", "pg_uptime"]),
    ("pg_prepared_xact", &["pg_xmin_age_xids prepared"]),
    ("pg_sequence_last_value", &["pg_seq_last_value"]),
    (
        "pg_size_bytes",
        &[
            "pg_setting_effective_cache_size",
            "pg_setting_maintenance_work_mem",
            "pg_setting_max_slot_wal_keep_size",
            "pg_setting_max_wal_size",
            "pg_setting_min_wal_size",
            "pg_setting_segment_size",
            "pg_setting_shared_buffers",
            "pg_setting_shared_memory_size",
            "pg_setting_wal_keep_size",
            "pg_setting_wal_segment_size",
            "pg_setting_work_mem",
        ],
    ),
    (
        "pg_stat_get_activity",
        &["pg_xmin_age_xids backend", "pg_xmin_age_xids standby"],
    ),
    (
        "pg_stat_get_blocks_fetched",
        &["pg_index_idx_blks_read", "pg_seq_blks_read"],
    ),
    (
        "pg_stat_get_blocks_hit",
        &[
            "pg_index_idx_blks_hit",
            "pg_index_idx_blks_read",
            "pg_seq_blks_hit",
            "pg_seq_blks_read",
        ],
    ),
    ("pg_stat_get_dead_tuples", &["pg_table_n_dead_tup"]),
    ("pg_stat_get_function_self_time", &["pg_func_self_time"]),
    ("pg_stat_get_function_total_time", &["pg_func_total_time"]),
    ("pg_stat_get_ins_since_vacuum", &["pg_table_n_ins_since_vacuum"]),
    ("pg_stat_get_live_tuples", &["pg_table_n_live_tup"]),
    ("pg_stat_get_mod_since_analyze", &["pg_table_n_mod_since_analyze"]),
    ("pg_stat_get_numscans", &["pg_index_idx_scan"]),
    ("pg_stat_get_progress_info", &[]),
    (
        "pg_stat_get_replication_slot",
        &[
            "pg_slot_spill_bytes",
            "pg_slot_spill_count",
            "pg_slot_spill_txns",
            "pg_slot_stream_bytes",
            "pg_slot_stream_count",
            "pg_slot_stream_txns",
            "pg_slot_total_bytes",
            "pg_slot_total_txns",
        ],
    ),
    ("pg_stat_get_subscription_stats", &[]),
    ("pg_stat_get_tuples_fetched", &["pg_index_idx_tup_fetch"]),
    ("pg_stat_get_tuples_returned", &["pg_index_idx_tup_read"]),
    ("pg_stat_get_wal_receiver", &[]),
    ("pg_walfile_name", &[]),
];

/// The same of a standby that has replayed all it has received.
const OF_A_STANDBY: &[(&str, &[&str])] = &[
    ("pg_conf_load_time", &["pg_conf_reload_time", "pg_reload_time"]),
    ("pg_is_wal_replay_paused", &["pg_is_wal_replay_paused"]),
    ("pg_last_wal_receive_lsn", &["pg_lag", "pg_receive_lsn"]),
    ("pg_last_wal_replay_lsn", &["pg_lag", "pg_lsn", "pg_replay_lsn"]),
    ("pg_last_xact_replay_timestamp", &["pg_last_replay_time"]),
    ("pg_postmaster_start_time", &["pg_boot_time", "pg_uptime"]),
    ("pg_stat_get_wal_receiver", &[]),
];

/// A server with something of everything, and a role that may do what `pg_monitor` may.
fn server(major: u32) -> Cluster {
    let cluster = Cluster::builder(major)
        .set("wal_level", "logical")
        .set("max_prepared_transactions", "2")
        .set("track_functions", "all")
        .start();
    cluster.psql(
        "create role watcher login in role pg_monitor;
         create table things (id serial primary key, label text); insert into things (label) select 'x' from generate_series(1, 9);
         grant select on all sequences in schema public to watcher;
         create function work() returns int language plpgsql as 'begin return 1; end';
         select pg_create_physical_replication_slot('spare', true)",
    );
    cluster.psql("select pg_create_logical_replication_slot('decoded', 'test_decoding')");
    cluster.psql("select work(); analyze things");
    cluster
}

fn url(cluster: &Cluster) -> String {
    cluster.url("postgres").replace("postgres@", "watcher@")
}

/// The collectors for that server that do without the function.
fn that_do_without(function: &str, version: u32, in_recovery: bool) -> Vec<&'static Collector> {
    let other = if in_recovery { Tag::Primary } else { Tag::Replica };
    let does = |one: &&Collector| {
        one.fits_version(version)
            && !one.has_tag(&other)
            && !one.skip
            && one.optional.iter().any(|name| *name == *function)
    };
    COLLECTORS.iter().filter(does).collect()
}

/// What a page tells of these collectors: metrics by name, and by a label where each series is a fact of its own.
fn told(page: &Page, collectors: &[&Collector]) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    let metrics = collectors.iter().flat_map(|one| one.values());
    for metric in metrics {
        for sample in page.all(&metric.name).filter(|sample| !sample.value.is_nan()) {
            match (&*metric.name, sample.label("datname"), sample.label("kind")) {
                ("pg_size_bytes", Some(label), _) | ("pg_xmin_age_xids", _, Some(label)) => {
                    told.insert(format!("{} {label}", metric.name));
                }
                ("pg_meta_info", ..) => {
                    let known = sample.labels.iter().filter(|(_, value)| !value.is_empty());
                    told.extend(known.map(|(name, _)| format!("pg_meta_info {name}")));
                }
                (name, ..) => {
                    told.insert(name.to_owned());
                }
            }
        }
    }
    told
}

/// Denies each function, and looks at what a new exporter serves.
fn deny_each(primary: &Cluster, server: &Cluster, expected: &[(&str, &[&str])]) {
    let place = |function: &str| format!("PostgreSQL {} without {function}", server.major());
    let version: u32 = server.psql("show server_version_num").parse().unwrap();
    let in_recovery = server.psql("select pg_is_in_recovery()") == "t";
    let layer = Layer::patient(&[]);
    let whole = thorough(&url(server), &layer).scrape();
    for (function, lost) in expected {
        let collectors = that_do_without(function, version, in_recovery);
        let signature = server.psql(&format!(
            "select string_agg(oid::regprocedure::text, ', ') from pg_proc
             where pronamespace = 'pg_catalog'::regnamespace and proname = '{function}'"
        ));
        if signature.is_empty() || collectors.is_empty() {
            continue;
        }
        let may = |server: &Cluster, answer: &str| {
            server.wait_for(
                &format!(
                    "select bool_and(has_function_privilege('watcher', oid, 'EXECUTE')) from pg_proc
                     where pronamespace = 'pg_catalog'::regnamespace and proname = '{function}'"
                ),
                answer,
            );
        };
        primary.psql(&format!(
            "revoke execute on function {signature} from public, pg_monitor"
        ));
        may(server, "f");
        let exporter = thorough(&url(server), &layer);
        let page = exporter.scrape();
        assert_eq!(
            value(&page, "pg_up", &[]),
            1.0,
            "{}: {}",
            place(function),
            exporter.stderr()
        );
        for one in &collectors {
            let failed = failures(&page);
            let is_it = |failure: &String| failure.split(' ').nth(1) == Some(&*one.name);
            assert!(!failed.iter().any(is_it), "{}: {failed:?}", place(function));
        }
        let found: Vec<String> = told(&whole, &collectors)
            .difference(&told(&page, &collectors))
            .cloned()
            .collect();
        // What older versions do not have they cannot lose.
        let told = told(&whole, &collectors);
        let expected: Vec<&str> = lost.iter().copied().filter(|one| told.contains(*one)).collect();
        assert_eq!(found, expected, "{}: {}", place(function), exporter.stderr());
        assert!(
            server.major() < 18 || expected.len() == lost.len(),
            "{}: {lost:?} is not all on the page: {told:?}",
            place(function)
        );
        primary.psql(&format!("grant execute on function {signature} to public"));
        may(server, "t");
    }
}

#[test]
fn a_function_that_is_denied_costs_what_it_tells() {
    for major in majors_among(&[10, 14, 18]) {
        let primary = server(major);
        let standby = primary.standby();
        primary.wait_for(
            "select count(*) from pg_stat_replication where state = 'streaming'",
            "1",
        );
        deny_each(&primary, &primary, OF_A_PRIMARY);
        deny_each(&primary, &standby, OF_A_STANDBY);
    }
}

/// Every function of the list is tested, and every function that a collector does without is in the list.
#[test]
fn all_that_is_optional_is_tested() {
    let tested: BTreeSet<&str> = OF_A_PRIMARY
        .iter()
        .chain(OF_A_STANDBY)
        .map(|(name, _)| *name)
        .collect();
    let shipped = COLLECTORS.iter().filter(|one| !one.skip);
    let optional: BTreeSet<&str> = shipped
        .flat_map(|one| one.optional.iter().map(|name| &**name))
        .collect();
    assert_eq!(tested, optional);
}

/// Rights that come and go while the exporter runs: the first scrape after a REVOKE has all but what is denied, the log says so
/// once, and a reload brings back what is allowed again.
#[test]
fn rights_may_be_taken_and_given_while_it_runs() {
    for major in majors_among(&[10, 18]) {
        let server = server(major);
        let layer = Layer::new(&patience(&[]));
        let exporter = exporter(&url(&server))
            .args(["--disable-cache", "--config"])
            .arg(layer.path())
            .start();
        let page = exporter.scrape();
        assert_healthy(&exporter, &page);
        let steps: [(&str, [bool; 3]); 4] = [
            (
                "revoke execute on function pg_conf_load_time() from public",
                [false, true, true],
            ),
            (
                "revoke execute on function pg_postmaster_start_time() from public",
                [false, false, true],
            ),
            (
                "grant execute on function pg_conf_load_time() to public",
                [false, false, true],
            ),
            // Looks again at what is denied: what is allowed by now is back.
            (
                "revoke execute on function pg_current_wal_lsn() from public",
                [true, false, false],
            ),
        ];
        for (statement, expected) in steps {
            server.psql(statement);
            let page = exporter.scrape();
            assert_healthy(&exporter, &page);
            let is_told = |name| !value(&page, name, &[]).is_nan();
            assert_eq!(
                ["pg_reload_time", "pg_boot_time", "pg_lsn"].map(is_told),
                expected,
                "{statement}: {}",
                exporter.stderr()
            );
        }
        server.psql("grant execute on function pg_postmaster_start_time(), pg_current_wal_lsn() to public");
        assert_eq!(exporter.get("/reload").status, 200);
        let page = exporter.scrape();
        assert_healthy(&exporter, &page);
        for name in ["pg_reload_time", "pg_boot_time", "pg_lsn"] {
            assert!(!value(&page, name, &[]).is_nan(), "{name}: {}", exporter.stderr());
        }
        let log = exporter.stderr();
        assert_eq!(
            log.matches("the role may not execute pg_conf_load_time").count(),
            2,
            "{log}"
        );
    }
}

#[test]
fn the_page_of_a_collector_names_what_is_denied() {
    let server = server(18);
    server.psql("revoke execute on function pg_conf_load_time() from public");
    let exporter = thorough(&url(&server), &Layer::patient(&[]));
    let page = exporter.scrape();
    assert_healthy(&exporter, &page);
    let shown = exporter.get("/collector/pg").text();
    assert!(
        shown.contains("the role may not execute pg_conf_load_time"),
        "{shown}"
    );
}
