//! Replication slots: physical and logical, active, inactive, invalidated.

use pg_exporter_lab::Cluster;

use super::{some_majors, watch};
use crate::agree::{Check, agree, columns, same};
use crate::layer::Layer;
use crate::scene::scene;
use crate::support::{PATIENCE, value};

#[test]
fn slots_are_shown_as_the_catalogs_say() {
    for major in some_majors(&[10, 13, 14, 16, 17, 18]) {
        let scene = scene(major);
        for (cluster, _) in scene.servers() {
            let exporter = watch(cluster, "postgres", &Layer::patient(&[]));
            agree(&exporter, cluster, "postgres", &checks(major));
        }
        let page = watch(&scene.primary, "postgres", &Layer::patient(&[])).scrape();
        let active = |slot: &str| value(&page, "pg_slot_active", &[("slot_name", slot)]);
        assert_eq!([active("spare"), active("copy_sub")], [0.0, 1.0]);
        let logical = page
            .all("pg_slot_active")
            .find(|slot| slot.label("slot_name") == Some("copy_sub"))
            .unwrap();
        let labels = ["slot_type", "plugin", "datname"].map(|label| logical.label(label).unwrap());
        assert_eq!(labels, ["logical", "pgoutput", "app"]);
    }
}

fn checks(major: u32) -> Vec<Check> {
    let labels = "slot_name, slot_type, plugin, database";
    let current =
        "(case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end)";
    let retained = format!("{current} - restart_lsn");
    let from = "pg_replication_slots";
    let mut pairs = vec![
        ("datoid", "datoid"),
        ("active", "active::int"),
        ("temporary", "temporary::int"),
        ("active_pid", "active_pid"),
        ("xmin", "xmin"),
        ("catalog_xmin", "catalog_xmin"),
        ("restart_lsn", "restart_lsn - '0/0'"),
        ("confirm_lsn", "confirmed_flush_lsn - '0/0'"),
        ("retained_bytes", &retained),
    ];
    if major >= 13 {
        let code = "case wal_status when 'reserved' then 0 when 'extended' then 1 when 'unreserved' then 2
                    when 'lost' then 3 else -1 end";
        pairs.extend([("safe_wal_size", "safe_wal_size"), ("wal_status", code)]);
    }
    if major >= 14 {
        pairs.push(("two_phase", "two_phase::int"));
    }
    if major >= 16 {
        pairs.push(("conflicting", "conflicting::int"));
    }
    if major >= 17 {
        pairs.extend([
            ("failover", "failover::int"),
            ("synced", "synced::int"),
            ("invalidation_reason", "0"),
        ]);
        pairs.push(("inactive_since", "extract(epoch from inactive_since)"));
    }
    let mut checks = columns("pg_slot", labels, from, &pairs);
    if major >= 14 {
        let from = "pg_replication_slots left join pg_stat_replication_slots using (slot_name)";
        let names =
            "spill_txns spill_count spill_bytes stream_txns stream_count stream_bytes total_txns total_bytes";
        checks.extend(same("pg_slot", labels, from, names));
        checks.extend(columns(
            "pg_slot",
            labels,
            from,
            &[("reset_time", "extract(epoch from stats_reset)")],
        ));
    }
    checks
}

/// A slot that holds back more WAL than it may loses its claim at the next checkpoint.
#[test]
fn a_slot_that_lost_its_wal_is_invalid() {
    for major in some_majors(&[13, 17, 18]) {
        let cluster = Cluster::builder(major)
            .set("max_slot_wal_keep_size", "1MB")
            .set("min_wal_size", "32MB")
            .set("max_wal_size", "32MB")
            .start();
        cluster.psql("select pg_create_physical_replication_slot('left', true)");
        for _ in 0..4 {
            cluster.psql("create table if not exists t (); drop table t; select pg_switch_wal()");
        }
        cluster.psql("checkpoint");
        cluster.wait_for("select wal_status from pg_replication_slots", "lost");
        let page = watch(&cluster, "postgres", &Layer::patient(&[])).scrape();
        let of = |name: &str| value(&page, name, &[("slot_name", "left")]);
        assert_eq!(of("pg_slot_wal_status"), 3.0);
        assert!(of("pg_slot_safe_wal_size").is_nan());
        assert!(
            of("pg_slot_restart_lsn").is_nan()
                == cluster
                    .psql("select restart_lsn from pg_replication_slots")
                    .is_empty()
        );
        if major >= 17 {
            assert_eq!(of("pg_slot_invalidation_reason"), 1.0);
        }
    }
}

#[test]
fn a_logical_slot_that_lost_its_wal_is_invalid() {
    for major in some_majors(&[14, 16, 18]) {
        let primary = Cluster::builder(major)
            .set("max_slot_wal_keep_size", "1MB")
            .set("min_wal_size", "32MB")
            .set("max_wal_size", "32MB")
            .set("autovacuum", "off")
            .start();
        primary.psql("select pg_create_logical_replication_slot('left', 'test_decoding')");
        for _ in 0..4 {
            primary.psql("create table if not exists t (); drop table t; select pg_switch_wal()");
        }
        primary.psql("checkpoint");
        primary.wait_for("select wal_status from pg_replication_slots", "lost");
        let page = watch(&primary, "postgres", &Layer::patient(&[])).scrape();
        let labels = [
            ("slot_name", "left"),
            ("slot_type", "logical"),
            ("datname", "postgres"),
        ];
        assert_eq!(value(&page, "pg_slot_wal_status", &labels), 3.0);
        if major >= 16 {
            // 16 calls any invalid slot that, 17 and later only one that conflicts with recovery.
            let conflicting = if major == 16 { 1.0 } else { 0.0 };
            assert_eq!(value(&page, "pg_slot_conflicting", &labels), conflicting);
        }
        if major >= 17 {
            assert_eq!(value(&page, "pg_slot_invalidation_reason", &labels), 1.0);
        }
    }
}

/// From 16 on a standby can have logical slots: they need rows of catalogs that the primary may remove.
#[test]
fn a_logical_slot_on_a_standby_conflicts_with_recovery() {
    for major in some_majors(&[16, 18]) {
        rows_are_removed_under_a_slot(&Cluster::builder(major).set("autovacuum", "off").start());
    }
}

fn rows_are_removed_under_a_slot(primary: &Cluster) {
    let standby = primary.standby();
    let mut creating = standby.session("postgres");
    creating.send("select pg_create_logical_replication_slot('behind', 'test_decoding')");
    // The slot waits to hear of the primary's transactions.
    pg_exporter_lab::wait_until("the slot is there", PATIENCE, || {
        primary.psql("select pg_log_standby_snapshot()");
        standby.psql("select count(*) from pg_replication_slots where confirmed_flush_lsn is not null") == "1"
    });
    creating.answer().unwrap();
    let exporter = watch(&standby, "postgres", &Layer::patient(&[]));
    let labels = [("slot_name", "behind")];
    assert_eq!(value(&exporter.scrape(), "pg_slot_conflicting", &labels), 0.0);
    primary.psql("create table t (); drop table t");
    primary.psql("vacuum full pg_class");
    standby.wait_for("select conflicting from pg_replication_slots", "t");
    let page = exporter.scrape();
    assert_eq!(value(&page, "pg_slot_conflicting", &labels), 1.0);
    if standby.major() >= 17 {
        assert_eq!(value(&page, "pg_slot_invalidation_reason", &labels), 2.0);
    }
}
