//! A pgbouncer.

use std::sync::Mutex;

use pg_exporter_lab::{Exporter, Pgbouncer, Session};

use super::exporters;
use super::stage::{Stage, Target, exporter, ready};

pub(crate) struct Scene {
    pgbouncer: Mutex<Pgbouncer>,
    exporter: Exporter,
}

impl Scene {
    /// In front of a server of another scene.
    pub(crate) fn start(plain: &exporters::Scene) -> Self {
        let pgbouncer = Pgbouncer::start(&plain.server);
        let exporter = ready(&exporter(&pgbouncer.stats_url()));
        // Until then it does not know the database.
        drop(pgbouncer.session("app"));
        Self {
            pgbouncer: Mutex::new(pgbouncer),
            exporter,
        }
    }

    pub(crate) fn targets(&self) -> Vec<Target<'_>> {
        vec![Target {
            instance: "pool",
            cls: "plain",
            exporter: &self.exporter,
        }]
    }

    pub(crate) fn run(&self, stage: &Stage) {
        let mut pgbouncer = self.pgbouncer.lock().unwrap();
        stage.episode(&["PgbouncerQueue@pool/app"], || queue(&pgbouncer), drop);
        // Without a client, pgbouncer forgets a database that is known by `*` alone.
        let pause = || {
            let client = pgbouncer.session("app");
            pgbouncer.admin("pause app");
            client
        };
        stage.episode(&["PgbouncerPaused@pool/app"], pause, |_client| {
            pgbouncer.admin("resume app");
        });
        pgbouncer.kill();
        stage.episode(&["PgbouncerDown@pool"], || (), |()| pgbouncer.start_again());
    }
}

/// All five server connections are in transactions, and one more client waits.
fn queue(pgbouncer: &Pgbouncer) -> Vec<Session> {
    let mut sessions: Vec<Session> = (0..6).map(|_| pgbouncer.session("app")).collect();
    for session in &mut sessions[..5] {
        session.exec("begin; select 1");
    }
    sessions[5].send("select 1");
    sessions
}
