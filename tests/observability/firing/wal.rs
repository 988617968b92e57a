//! A server that archives, as files in its data folder say: `fail` has the command fail, `hang` has it wait.

use std::fs;
use std::time::Duration;

use pg_exporter_lab::process::{Signal, signal};
use pg_exporter_lab::{Cluster, Exporter};

use super::stage::{Repeat, Stage, Target, exporter, ready, server};

pub(crate) struct Scene {
    server: Cluster,
    exporter: Exporter,
}

impl Scene {
    pub(crate) fn start() -> Self {
        let server = server(&[
            ("archive_mode", "on"),
            (
                "archive_command",
                "test ! -e fail && while test -e hang; do sleep 0.1; done",
            ),
            ("max_wal_size", "32MB"),
            ("min_wal_size", "32MB"),
            ("checkpoint_timeout", "1h"),
        ]);
        let exporter = ready(&exporter(&server.url("postgres")));
        Self { server, exporter }
    }

    pub(crate) fn targets(&self) -> Vec<Target<'_>> {
        vec![Target {
            instance: "wal",
            cls: "wal",
            exporter: &self.exporter,
        }]
    }

    pub(crate) fn run(&self, stage: &Stage) {
        let failing = ["PgArchivingFails@wal", "PgWalPilesUp@wal"];
        stage.episode(&failing, || self.fail(), |()| self.recover());
        let hanging = ["PgArchivingStalled@wal", "PgCheckpointsRequested@wal"];
        stage.episode(
            &hanging,
            || self.hang(),
            |writing| {
                self.remove("hang");
                drop(writing);
            },
        );
        stage.episode(
            &["PgWalNotFlushed@wal"],
            || self.stop_writing(),
            |writer| {
                signal(writer, Signal::CONT).unwrap();
            },
        );
    }

    /// Nobody flushes: the WAL writer hangs, and no commit waits for WAL of messages.
    fn stop_writing(&self) -> u32 {
        let writer = self
            .server
            .psql("select pid from pg_stat_activity where backend_type = 'walwriter'")
            .parse()
            .unwrap();
        signal(writer, Signal::STOP).unwrap();
        self.server
            .psql("select pg_logical_emit_message(false, 'test', repeat('x', 100000))");
        writer
    }

    fn remove(&self, file: &str) {
        fs::remove_file(self.server.data().join(file)).unwrap();
    }

    fn write(&self, megabytes: u32) {
        self.server.psql(&format!(
            "select count(pg_logical_emit_message(false, 'test', repeat('x', 1000000))) from generate_series(1, {megabytes});
             select pg_switch_wal();"
        ));
    }

    fn fail(&self) {
        self.server.write_file("fail", "");
        for _ in 0..6 {
            self.write(15);
        }
    }

    /// The archiver tries again when a file is ready; a checkpoint removes what is archived.
    fn recover(&self) {
        self.remove("fail");
        self.write(1);
        let ready =
            "select count(*) from pg_ls_dir('pg_wal/archive_status') as name where name like '%.ready'";
        self.server.wait_for(ready, "0");
        for _ in 0..3 {
            self.write(1);
            self.server.psql("checkpoint");
        }
    }

    fn hang(&self) -> [Repeat; 2] {
        self.server.write_file("hang", "");
        self.write(1);
        let write = "select pg_logical_emit_message(false, 'test', repeat('x', 100000))";
        [
            Repeat::start(self.server.session("app"), write, Duration::from_millis(200)),
            Repeat::start(self.server.session("app"), "checkpoint", Duration::from_secs(1)),
        ]
    }
}
