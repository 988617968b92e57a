//! Archiving that fails, then works.

use pg_exporter_lab::Cluster;

use super::{some_majors, watch};
use crate::agree::{Check, agree, columns};
use crate::layer::Layer;
use crate::support::value;

#[test]
fn an_archiver_that_fails_is_seen() {
    for major in some_majors(&[10, 18]) {
        let failing = "archive_command";
        let cluster = Cluster::builder(major)
            .set("archive_mode", "on")
            .set(failing, "/bin/false")
            .start();
        cluster.psql("select pg_switch_wal()");
        cluster.wait_for("select failed_count > 0 from pg_stat_archiver", "t");
        let exporter = watch(&cluster, "postgres", &Layer::patient(&[]));
        let epoch = |column: &str| format!("extract(epoch from {column})");
        let checks = columns(
            "pg_archiver",
            "",
            "pg_stat_archiver",
            &[
                ("finish_count", "archived_count"),
                ("failed_count", "failed_count"),
                ("finish_time", &epoch("last_archived_time")),
                ("failed_time", &epoch("last_failed_time")),
                ("reset_time", &epoch("stats_reset")),
            ],
        );
        agree(&exporter, &cluster, "postgres", &checks);
        let page = exporter.scrape();
        assert!(value(&page, "pg_archiver_failed_count", &[]) >= 1.0);
        assert_eq!(value(&page, "pg_archiver_finish_count", &[]), 0.0);
        assert!(value(&page, "pg_archiver_finish_time", &[]).is_nan());
        assert_eq!(value(&page, "pg_setting_archive_mode", &[]), 1.0);

        cluster.set(failing, "/bin/true");
        cluster.reload();
        agree(
            &exporter,
            &cluster,
            "postgres",
            &[Check::new(
                "pg_archiver_finish_count",
                "select greatest(archived_count, 1) from pg_stat_archiver",
            )],
        );
    }
}
