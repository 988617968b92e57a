//! A server that hangs and that does not come up; exporters that are not there.

use std::fs;
use std::thread;

use pg_exporter_lab::process::Signal;
use pg_exporter_lab::{Cluster, Exporter};

use super::stage::{Stage, Target, exporter, ready, server};

pub(crate) struct Scene {
    server: Cluster,
    exporter: Exporter,
    /// Two more, without the label for a cluster. The second one hangs at the beginning.
    copies: [Exporter; 2],
}

impl Scene {
    pub(crate) fn start() -> Self {
        let server = server(&[("restore_command", "while test -e hang; do sleep 0.1; done; false")]);
        let exporters = [0, 1, 2].map(|_| ready(&exporter(&server.url("postgres"))));
        let [exporter, one, other] = exporters;
        other.signal(Signal::STOP);
        Self {
            server,
            exporter,
            copies: [one, other],
        }
    }

    pub(crate) fn targets(&self) -> Vec<Target<'_>> {
        vec![
            Target {
                instance: "frozen",
                cls: "frozen",
                exporter: &self.exporter,
            },
            Target {
                instance: "copy-1",
                cls: "",
                exporter: &self.copies[0],
            },
            Target {
                instance: "copy-2",
                cls: "",
                exporter: &self.copies[1],
            },
        ]
    }

    pub(crate) fn run(&self, stage: &Stage) {
        let [one, other] = &self.copies;
        stage.episode(
            &["PgClusterLabelMissing"],
            || other.signal(Signal::CONT),
            |()| other.signal(Signal::STOP),
        );
        stage.episode(
            &["PgExporterDown@copy-1"],
            || one.signal(Signal::STOP),
            |()| one.signal(Signal::CONT),
        );
        let frozen = ["PgFrozen@frozen", "PgDown@frozen"];
        stage.episode(&frozen, || self.server.pause(), |()| self.server.resume());
        // Recovery waits for a file that the archive does not give.
        thread::scope(|scope| {
            let hang = || {
                self.server.write_file("recovery.signal", "");
                self.server.write_file("hang", "");
                self.server.stop();
                scope.spawn(|| self.server.start_again())
            };
            stage.episode(&["PgStartingLong@frozen"], hang, |starting| {
                fs::remove_file(self.server.data().join("hang")).unwrap();
                starting.join().unwrap();
            });
        });
    }
}
