//! What `convert` writes gives what the file itself gives, and what other exporters have and this one has not, in another way.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use pg_exporter_lab::{Exporter, Folder, Page};

use super::corpus::{is_converted, is_lenient, is_refused, name};
use super::meant::{is_own, normal};
use super::scene::Scene;
use super::{PATIENCE, as_loaded, corpus, families};
use crate::support::program;

#[test]
fn converted_files_give_the_same_on_10() {
    all_give_the_same(10);
}

#[test]
fn converted_files_give_the_same_on_14() {
    all_give_the_same(14);
}

#[test]
fn converted_files_give_the_same_on_18() {
    all_give_the_same(18);
}

fn all_give_the_same(major: u32) {
    let scene = Scene::start(major);
    let mut wrong = Vec::new();
    let mut with_series = 0;
    let files = corpus();
    let convertible = files
        .iter()
        .filter(|file| !is_refused(file) && !is_converted(file) && !is_lenient(file));
    for file in convertible {
        let (before, after) = (as_loaded(file, false), as_loaded(file, true));
        let one = scene.exporter(name(file), &before);
        let other = scene.exporter(name(file), &after);
        let deadline = Instant::now() + PATIENCE;
        let found = loop {
            let found = differences(&one, &other);
            if found.as_ref().is_ok_and(|series| *series > 0) || Instant::now() > deadline {
                break found;
            }
            // On old servers some files give nothing, in either form: that is known at once.
            if found == Ok(0) && major < 18 {
                break found;
            }
            std::thread::sleep(Duration::from_millis(200));
        };
        match found {
            Ok(series) => with_series += usize::from(series > 0),
            Err(found) => wrong.push(format!("{} on {major}: {found}\n{}", name(file), other.stderr())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(with_series >= 35, "{with_series} files gave series");
}

/// The number of series, or what differs. On a server that works, values lie between those before and behind, and series are those
/// of either; what is in both is in the converted one's.
fn differences(one: &Exporter, other: &Exporter) -> Result<usize, String> {
    let page = |exporter: &Exporter| Page::parse(&exporter.get("/metrics").text());
    let (before, converted, behind) = (page(one), page(other), page(one));
    let (expected, found) = (families(&before), families(&converted));
    if expected != found || before.help != converted.help {
        return Err(format!(
            "{expected:#?}\n{found:#?}\n{:#?}\n{:#?}",
            before.help, converted.help
        ));
    }
    let (before, converted, behind) = (series(&before), series(&converted), series(&behind));
    for series in converted.keys() {
        if !before.contains_key(series) && !behind.contains_key(series) {
            return Err(format!(
                "{series} is in the converted one's alone: {} before, {} behind",
                before.len(),
                behind.len()
            ));
        }
    }
    for (series, low) in &before {
        let Some(high) = behind.get(series) else {
            continue;
        };
        let Some(value) = converted.get(series) else {
            return Err(format!("{series} is missing from the converted one's"));
        };
        let is_between = low.min(*high) <= *value && *value <= low.max(*high);
        let is_same = is_between || (value.is_nan() && low.is_nan());
        if !is_same {
            return Err(format!("{series}: {low}, converted {value}, {high}"));
        }
    }
    Ok(converted.len())
}

fn series(page: &Page) -> BTreeMap<String, f64> {
    let samples = page.samples.iter().filter(|one| !is_own(&one.name));
    samples
        .map(|one| (format!("{} {:?}", one.name, one.labels), one.value))
        .collect()
}

/// Usages of postgres_exporter that are no usages here: the numbers are those that it documents.
const USAGES: &str = r#"
settings:
  query: "SET statement_timeout = '5s'; SELECT 'a' AS name, 'on' AS state, '1h30m' AS delay, 'unknown' AS other, '250ms' AS short, '-1' AS none, 4 AS plain; -- all"
  master: true
  metrics:
    - name: { usage: LABEL, description: "Name, as in the file" }
    - state: { usage: MAPPEDMETRIC, metric_mapping: { on: 1, off: 0 }, description: State }
    - other: { usage: MAPPEDMETRIC, metric_mapping: { "on": 1 }, description: Unknown }
    - delay: { usage: DURATION, description: Delay }
    - short: { usage: "duration", description: Short }
    - none: { usage: DURATION, description: None }
    - plain: { usage: GAUGE, description: Plain }
"#;

#[test]
fn mapped_metrics_and_durations_are_the_documented_numbers() {
    for major in pg_exporter_lab::majors_among(&[10, 14, 18]) {
        let url = format!(
            "{}?sslmode=disable",
            pg_exporter_lab::shared(major).url("postgres")
        );
        let given = Folder::of(&[("queries.yaml", USAGES)]);
        let ended = program(&url)
            .arg("convert")
            .arg(given.path().join("queries.yaml"))
            .run();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
        assert_eq!(ended.stdout.matches("# DECIDE: ").count(), 3, "{}", ended.stdout);
        let directory = Folder::of(&[("1.yml", &ended.stdout)]);
        let checked = program(&url)
            .args(["--no-builtin", "check", "--strict"])
            .arg(directory.path())
            .args(["--url", &url])
            .run();
        // That the statement looks for names on the role's path is the author's matter.
        let found = checked
            .stdout
            .lines()
            .filter(|line| !line.contains("looks for names"));
        assert_eq!(found.collect::<Vec<_>>(), [""; 0]);
        let exporter = crate::support::exporter(&url, &directory);
        let page = exporter.scrape();
        let value = |name: &str| page.value(name, &[("name", "a")]);
        assert_eq!(
            [
                value("settings_state"),
                value("settings_delay_milliseconds"),
                value("settings_short_milliseconds"),
                value("settings_plain"),
            ],
            [1.0, 5_400_000.0, 250.0, 4.0].map(Some),
            "{}",
            exporter.stderr()
        );
        for name in ["settings_other", "settings_none_milliseconds"] {
            assert!(value(name).is_some_and(f64::is_nan), "{name}");
        }
    }
}

/// Names, labels and types of postgres_exporter's default metrics, by its own documentation and its tests.
const DEFAULTS: &str = "
pg_database_size_bytes{datname} gauge
pg_database_connection_limit{datname} gauge
pg_locks_count{datname, mode} gauge
pg_replication_is_replica{} gauge
pg_replication_last_replay_seconds{} gauge
pg_replication_slot_slot_current_wal_lsn{slot_name, slot_type} gauge
pg_replication_slot_slot_confirmed_flush_lsn{slot_name, slot_type} gauge
pg_replication_slot_slot_is_active{slot_name, slot_type} gauge
pg_roles_connection_limit{rolname} gauge
pg_postmaster_start_time_seconds{} gauge
pg_settings_max_connections{} gauge
pg_settings_shared_buffers_bytes{} gauge
pg_stat_activity_count{datname, state} gauge
pg_stat_activity_max_tx_duration{datname, state} gauge
pg_stat_archiver_archived_count{} counter
pg_stat_archiver_failed_count{} counter
pg_stat_archiver_last_archive_age{} gauge
pg_stat_bgwriter_buffers_alloc_total{} counter
pg_stat_bgwriter_buffers_clean_total{} counter
pg_stat_bgwriter_maxwritten_clean_total{} counter
pg_stat_bgwriter_stats_reset_total{} counter
pg_stat_database_numbackends{datid, datname} gauge
pg_stat_database_xact_commit{datid, datname} counter
pg_stat_database_xact_rollback{datid, datname} counter
pg_stat_database_blks_read{datid, datname} counter
pg_stat_database_blks_hit{datid, datname} counter
pg_stat_database_tup_returned{datid, datname} counter
pg_stat_database_tup_fetched{datid, datname} counter
pg_stat_database_tup_inserted{datid, datname} counter
pg_stat_database_tup_updated{datid, datname} counter
pg_stat_database_tup_deleted{datid, datname} counter
pg_stat_database_conflicts{datid, datname} counter
pg_stat_database_temp_files{datid, datname} counter
pg_stat_database_temp_bytes{datid, datname} counter
pg_stat_database_deadlocks{datid, datname} counter
pg_stat_database_blk_read_time{datid, datname} counter
pg_stat_database_blk_write_time{datid, datname} counter
pg_stat_database_stats_reset{datid, datname} counter
pg_stat_database_conflicts_confl_tablespace{datid, datname} counter
pg_stat_database_conflicts_confl_lock{datid, datname} counter
pg_stat_database_conflicts_confl_snapshot{datid, datname} counter
pg_stat_database_conflicts_confl_bufferpin{datid, datname} counter
pg_stat_database_conflicts_confl_deadlock{datid, datname} counter
pg_stat_user_tables_seq_scan{datname, schemaname, relname} counter
pg_stat_user_tables_n_tup_ins{datname, schemaname, relname} counter
pg_stat_user_tables_n_live_tup{datname, schemaname, relname} gauge
pg_stat_user_tables_n_dead_tup{datname, schemaname, relname} gauge
pg_stat_user_tables_last_autovacuum{datname, schemaname, relname} gauge
pg_stat_user_tables_vacuum_count{datname, schemaname, relname} counter
pg_statio_user_tables_heap_blocks_read{datname, schemaname, relname} counter
pg_statio_user_tables_heap_blocks_hit{datname, schemaname, relname} counter
pg_wal_size_bytes{} gauge
";

const OF_BGWRITER_UNTIL_16: &str = "
pg_stat_bgwriter_checkpoints_timed_total{} counter
pg_stat_bgwriter_checkpoints_req_total{} counter
pg_stat_bgwriter_checkpoint_write_time_total{} counter
pg_stat_bgwriter_checkpoint_sync_time_total{} counter
pg_stat_bgwriter_buffers_checkpoint_total{} counter
pg_stat_bgwriter_buffers_backend_total{} counter
pg_stat_bgwriter_buffers_backend_fsync_total{} counter
";

const OF_CHECKPOINTER: &str = "
pg_stat_checkpointer_num_timed_total{} counter
pg_stat_checkpointer_num_requested_total{} counter
pg_stat_checkpointer_restartpoints_timed_total{} counter
pg_stat_checkpointer_restartpoints_req_total{} counter
pg_stat_checkpointer_restartpoints_done_total{} counter
pg_stat_checkpointer_write_time_total{} counter
pg_stat_checkpointer_sync_time_total{} counter
pg_stat_checkpointer_buffers_written_total{} counter
pg_stat_checkpointer_stats_reset_total{} counter
";

const OF_DATABASES_FROM_14: &str = "
pg_stat_database_checksum_failures{datid, datname} counter
pg_stat_database_checksum_last_failure{datid, datname} gauge
pg_stat_database_session_time{datid, datname} counter
pg_stat_database_active_time{datid, datname} counter
pg_stat_database_idle_in_transaction_time{datid, datname} counter
pg_stat_database_sessions{datid, datname} counter
pg_stat_database_sessions_abandoned{datid, datname} counter
pg_stat_database_sessions_fatal{datid, datname} counter
pg_stat_database_sessions_killed{datid, datname} counter
";

const OF_DATABASES_FROM_18: &str = "
pg_stat_database_parallel_workers_to_launch{datid, datname} counter
pg_stat_database_parallel_workers_launched{datid, datname} counter
pg_stat_database_conflicts_confl_active_logicalslot{datid, datname} counter
";

#[test]
fn the_compatible_layer_serves_the_names_of_postgres_exporter() {
    for major in pg_exporter_lab::majors_among(&[10, 14, 18]) {
        let scene = Scene::start(major);
        let text = std::fs::read_to_string("collectors/compat/postgres_exporter/defaults.yml").unwrap();
        let directory = Folder::of(&[("defaults.yml", &text)]);
        let exporter = scene.exporter("compat", &directory);
        let more: &[&str] = match major {
            18.. => &[OF_CHECKPOINTER, OF_DATABASES_FROM_14, OF_DATABASES_FROM_18],
            14.. => &[OF_BGWRITER_UNTIL_16, OF_DATABASES_FROM_14],
            _ => &[OF_BGWRITER_UNTIL_16],
        };
        let lines = DEFAULTS.lines().chain(more.iter().flat_map(|text| text.lines()));
        let expected: Vec<String> = lines.filter(|line| !line.is_empty()).map(normal).collect();
        let mut page = Page::default();
        pg_exporter_lab::wait_until("all default metrics", PATIENCE, || {
            page = Page::parse(&exporter.get("/metrics").text());
            let found = families(&page);
            expected.iter().all(|one| found.contains(one))
        });
        equal_to_the_server(&scene, &page);
        // Beside the compiled set it replaces nothing.
        let layered = exporter_beside_the_compiled(&scene, &directory);
        assert!(!layered.contains("replace"), "{layered}");
    }
}

/// Values that stand still on an idle server.
fn equal_to_the_server(scene: &Scene, page: &Page) {
    let ask = |sql: &str| -> f64 { scene.cluster().psql(sql).parse().unwrap() };
    let orders = [
        ("datname", "shop"),
        ("schemaname", "public"),
        ("relname", "orders"),
    ];
    let slot = [("slot_name", "outside"), ("slot_type", "physical")];
    let cases = [
        ("pg_stat_user_tables_n_tup_ins", &orders[..], 3.0),
        ("pg_stat_user_tables_last_vacuum", &orders[..], 0.0),
        ("pg_replication_slot_slot_is_active", &slot[..], 0.0),
        ("pg_replication_is_replica", &[][..], 0.0),
        ("pg_settings_max_connections", &[][..], 100.0),
        ("pg_settings_shared_buffers_bytes", &[][..], 16_777_216.0),
        ("pg_roles_connection_limit", &[("rolname", "postgres")][..], -1.0),
        (
            "pg_database_size_bytes",
            &[("datname", "template1")][..],
            ask("select pg_database_size('template1')"),
        ),
        (
            "pg_database_size_bytes",
            &[("datname", "template0")][..],
            ask("select pg_database_size('template0')"),
        ),
        (
            "pg_stat_activity_count",
            &[("datname", "shop"), ("state", "disabled")][..],
            0.0,
        ),
    ];
    for (name, labels, expected) in cases {
        assert_eq!(page.value(name, labels), Some(expected), "{name} {labels:?}");
    }
    let start = ask("select round(extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint");
    let microseconds = page
        .value("pg_postmaster_start_time_seconds", &[])
        .map(|value| (value * 1e6).round());
    assert_eq!(microseconds, Some(start));
}

fn exporter_beside_the_compiled(scene: &Scene, directory: &Folder) -> String {
    let url = format!("{}?sslmode=disable", scene.cluster().url("postgres"));
    let exporter = program(&url).arg("--config").arg(directory.path()).start();
    let page = exporter.scrape();
    assert_eq!(page.value("pg_up", &[]), Some(1.0));
    assert!(
        page.all("pg_db_numbackends").count() > 0 && page.all("pg_stat_database_numbackends").count() > 0
    );
    exporter.stderr()
}
