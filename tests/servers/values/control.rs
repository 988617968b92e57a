//! The control file, on a primary and on a standby, and recovery.

use pg_exporter_lab::shared;

use super::{some_majors, watch};
use crate::agree::{Check, agree, columns, same};
use crate::layer::Layer;
use crate::scene::scene;

#[test]
fn the_last_checkpoint_is_told() {
    for major in some_majors(&[10, 14, 18]) {
        let primary = shared(major);
        let standby = &scene(major).standby;
        for cluster in [primary, standby] {
            agree(
                &watch(cluster, "postgres", &Layer::patient(&[])),
                cluster,
                "postgres",
                &checkpoint(),
            );
        }
        let timeline = Check::new(
            "pg_timeline_id",
            "select timeline_id from pg_control_checkpoint()",
        );
        agree(
            &watch(primary, "postgres", &Layer::patient(&[])),
            primary,
            "postgres",
            &[timeline],
        );
    }
}

fn checkpoint() -> Vec<Check> {
    let mut checks = columns(
        "pg_checkpoint",
        "",
        "pg_control_checkpoint()",
        &[
            ("checkpoint_lsn", "checkpoint_lsn - '0/0'"),
            ("redo_lsn", "redo_lsn - '0/0'"),
            ("tli", "timeline_id"),
            ("prev_tli", "prev_timeline_id"),
            ("full_page_writes", "full_page_writes::int"),
            ("next_xid_epoch", "split_part(next_xid, ':', 1)"),
            ("next_xid", "split_part(next_xid, ':', 2)"),
            ("time", "floor(extract(epoch from checkpoint_time))"),
        ],
    );
    let elapsed = columns(
        "pg_checkpoint",
        "",
        "pg_control_checkpoint()",
        &[("elapse", "extract(epoch from now() - checkpoint_time)")],
    );
    checks.extend(elapsed.into_iter().map(|check| check.within(3.0)));
    let names = "next_oid next_multixact_id next_multi_offset oldest_xid oldest_xid_dbid oldest_active_xid oldest_multi_xid
        oldest_multi_dbid oldest_commit_ts_xid newest_commit_ts_xid";
    checks.extend(same("pg_checkpoint", "", "pg_control_checkpoint()", names));
    checks
}

#[test]
fn a_standby_tells_its_recovery() {
    for major in some_majors(&[10, 15, 18]) {
        let standby = &scene(major).standby;
        let exporter = watch(standby, "postgres", &Layer::patient(&[]));
        let mut checks = columns(
            "pg_recovery",
            "",
            "pg_control_recovery()",
            &[
                ("min_timeline", "min_recovery_end_timeline"),
                ("min_lsn", "min_recovery_end_lsn - '0/0'"),
                ("backup_start_lsn", "backup_start_lsn - '0/0'"),
                ("backup_end_lsn", "backup_end_lsn - '0/0'"),
                ("require_record", "end_of_backup_record_required::int"),
            ],
        );
        checks.push(Check::new(
            "pg_timeline_id",
            "select received_tli from pg_stat_wal_receiver",
        ));
        let conflicts = "confl_tablespace confl_lock confl_snapshot confl_bufferpin confl_deadlock";
        checks.extend(same(
            "pg_db_confl",
            "datname",
            "pg_stat_database_conflicts",
            conflicts,
        ));
        if major >= 15 {
            let names =
                "prefetch hit skip_init skip_new skip_fpw skip_rep wal_distance block_distance io_depth";
            checks.extend(same(
                "pg_recovery_prefetch",
                "",
                "pg_stat_recovery_prefetch",
                names,
            ));
        }
        if major >= 16 {
            checks.extend(same(
                "pg_db_confl",
                "datname",
                "pg_stat_database_conflicts",
                "confl_active_logicalslot",
            ));
        }
        agree(&exporter, standby, "postgres", &checks);
    }
}
