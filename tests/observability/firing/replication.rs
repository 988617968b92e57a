//! A primary and its standby.

use std::time::Duration;

use pg_exporter_lab::{Cluster, Exporter, newest_major};

use super::stage::{Stage, Target, exporter, server};

/// Whether the standby has replayed nearly all.
const CAUGHT_UP: &str =
    "select count(*) from pg_stat_replication where pg_current_wal_lsn() - replay_lsn < 500000";

pub(crate) struct Scene {
    primary: Cluster,
    standby: Cluster,
    exporters: [Exporter; 2],
}

impl Scene {
    pub(crate) fn start() -> Self {
        let primary = server(&[]);
        primary.psql_in(
            "app",
            "create table rows as select id from generate_series(1, 1000) id",
        );
        let standby = Cluster::builder(newest_major())
            .set("fsync", "on")
            .set("max_standby_streaming_delay", "0")
            .set("wal_retrieve_retry_interval", "200ms")
            .set("wal_receiver_status_interval", "1s")
            .start_standby_of(&primary);
        let exporters = [(&primary, "/primary"), (&standby, "/replica")].map(|(server, path)| {
            let exporter = exporter(&server.url("postgres")).start();
            exporter.wait_for_status(path, 200, Duration::from_secs(60));
            exporter
        });
        Self {
            primary,
            standby,
            exporters,
        }
    }

    pub(crate) fn targets(&self) -> Vec<Target<'_>> {
        vec![
            Target {
                instance: "primary",
                cls: "orders",
                exporter: &self.exporters[0],
            },
            Target {
                instance: "standby",
                cls: "orders",
                exporter: &self.exporters[1],
            },
        ]
    }

    pub(crate) fn run(&self, stage: &Stage) {
        self.lag(stage);
        self.broken(stage);
        self.slots(stage);
        self.conflict(stage);
        self.failover(stage);
    }

    /// So many megabytes of WAL, and a commit.
    fn write(&self, megabytes: u32) {
        self.primary.psql(&format!(
            "select count(pg_logical_emit_message(true, 'test', repeat('x', 1000000))) from generate_series(1, {megabytes})"
        ));
    }

    fn lag(&self, stage: &Stage) {
        let late = [
            "PgReplayPaused@standby",
            "PgReplicationLagBytes@standby",
            "PgReplicationLagBytes@primary",
            "PgReplicationLagSeconds@standby",
        ];
        let pause = || {
            // How late it is counts from the last commit that it replayed.
            self.write(1);
            self.primary.wait_for(CAUGHT_UP, "1");
            self.standby.psql("select pg_wal_replay_pause()");
            self.write(5);
        };
        stage.episode(&late, pause, |()| {
            self.standby.psql("select pg_wal_replay_resume()");
        });
    }

    fn broken(&self, stage: &Stage) {
        let alone = [
            "PgReceiverGone@standby",
            "PgStandbyLost@primary",
            "PgSlotInactive@primary",
            "PgSlotRetainsWal@primary",
        ];
        // The lab gives it in postgresql.conf or in the file of ALTER SYSTEM, which counts more.
        let way = self.standby.psql("show primary_conninfo").replace('\'', "''");
        let lead = |way: &str| {
            self.standby
                .psql(&format!("alter system set primary_conninfo = '{way}'"));
            self.standby.reload();
        };
        let break_it = || {
            lead("host=127.0.0.1 port=1");
            self.primary
                .wait_for("select count(*) from pg_stat_replication", "0");
            self.write(5);
        };
        stage.episode(&alone, break_it, |()| lead(&way));
    }

    fn slots(&self, stage: &Stage) {
        let wait_for_nobody = || {
            self.primary
                .psql("alter system set synchronous_standby_names = 'nobody'");
            self.primary.reload();
        };
        stage.episode(&["PgSyncStandbyMissing@primary"], wait_for_nobody, |()| {
            self.primary.psql("alter system reset synchronous_standby_names");
            self.primary.reload();
        });
        let lose = || {
            self.primary
                .psql("select pg_create_physical_replication_slot('lost', true)");
            self.write(50);
            let near =
                "select count(*) from pg_stat_replication where pg_current_wal_lsn() - replay_lsn < 500000";
            self.primary.wait_for(near, "1");
            self.primary
                .psql("alter system set max_slot_wal_keep_size = '1MB'");
            self.primary.reload();
            self.primary.wait_for("show max_slot_wal_keep_size", "1MB");
            self.primary.psql("checkpoint");
        };
        stage.episode(&["PgSlotLost@primary"], lose, |()| {
            self.primary.psql(
                "select pg_drop_replication_slot('lost');
                 alter system reset max_slot_wal_keep_size;",
            );
            self.primary.reload();
        });
    }

    fn conflict(&self, stage: &Stage) {
        let collide = || {
            let mut reader = self.standby.session("app");
            reader.exec("begin isolation level repeatable read; select count(*) from rows");
            self.primary
                .psql_in("app", "delete from rows where id < 500; vacuum rows");
            reader
        };
        stage.episode(&["PgStandbyConflicts@standby/app"], collide, drop);
    }

    fn failover(&self, stage: &Stage) {
        let gone = ["PgDown@primary", "PgNoPrimary@orders"];
        stage.episode(&gone, || self.primary.kill9(), |()| self.primary.start_again());
        let split = ["PgTwoPrimaries@orders", "PgRoleChanged@standby"];
        stage.episode(&split, || self.standby.promote(), |()| self.standby.stop());
    }
}
