//! What clients do: a server with few connections and small buffers.

use std::time::Duration;

use pg_exporter_lab::{Cluster, Exporter, Session};

use super::stage::{Repeat, Stage, Target, exporter, ready, server};

pub(crate) struct Scene {
    server: Cluster,
    exporter: Exporter,
}

impl Scene {
    pub(crate) fn start() -> Self {
        let server = server(&[
            ("max_connections", "25"),
            ("shared_buffers", "2MB"),
            ("deadlock_timeout", "10ms"),
        ]);
        server.psql_in(
            "app",
            "create table crowd (id int);
             create table busy as select id, 0 as value from generate_series(1, 2) id;
             create table large as select id, repeat('x', 1000) from generate_series(1, 30000) id;",
        );
        let exporter = ready(&exporter(&server.url("postgres")));
        Self { server, exporter }
    }

    pub(crate) fn targets(&self) -> Vec<Target<'_>> {
        vec![Target {
            instance: "sessions",
            cls: "sessions",
            exporter: &self.exporter,
        }]
    }

    pub(crate) fn run(&self, stage: &Stage) {
        let one_holds_up_all = [
            "PgIdleInTransaction@sessions/app",
            "PgLongTransaction@sessions/app",
            "PgXminHeldBack@sessions",
            "PgBlockedSessions@sessions/app",
            "PgConnectionsHigh@sessions",
            "PgConnectionsExhausted@sessions",
        ];
        stage.episode(
            &one_holds_up_all,
            || self.crowd(),
            |crowd| {
                drop(crowd);
                self.server.wait_for(
                    "select count(*) < 15 from pg_stat_activity where backend_type = 'client backend'",
                    "t",
                );
            },
        );
        let much_to_do = [
            "PgDeadlocks@sessions/app",
            "PgRollbacksHigh@sessions/app",
            "PgTempFilesLarge@sessions",
            "PgCacheHitsLow@sessions/app",
        ];
        stage.episode(&much_to_do, || self.load(), drop);
        let settings = [
            "PgPendingRestart@sessions",
            "PgAutovacuumOff@sessions",
            "PgDurabilityOff@sessions",
            "PgInvalidIndex@sessions/app",
            "PgSettingsChanged@sessions",
        ];
        stage.episode(&settings, || self.misconfigure(), |()| self.mend());
    }

    /// A session holds a lock and a snapshot and is idle; eleven wait for it, and more fill up the connections.
    fn crowd(&self) -> Vec<Session> {
        let mut holder = self.server.session("app");
        holder.exec("begin isolation level repeatable read; select count(*) from busy; lock table crowd");
        // Two thousand transactions, each a savepoint's.
        self.server.psql_in(
            "app",
            "do $$ begin for i in 1..2000 loop
                 begin insert into busy values (0, i); exception when division_by_zero then null; end;
             end loop; end $$;
             delete from busy where id = 0;",
        );
        let mut sessions = vec![holder];
        for _ in 0..11 {
            let mut waiting = self.server.session("app");
            waiting.send("select count(*) from crowd");
            sessions.push(waiting);
        }
        let clients = "select count(*) from pg_stat_activity where backend_type = 'client backend'";
        loop {
            let mut idle = self.server.session("app");
            let count: u32 = idle.exec(clients).parse().unwrap();
            sessions.push(idle);
            if count >= 24 {
                return sessions;
            }
        }
    }

    fn load(&self) -> [Repeat; 3] {
        let session = || self.server.session("app");
        self.deadlocks();
        let pause = Duration::from_millis;
        [
            Repeat::start(
                session(),
                "set work_mem = '64kB'; select count(*) from \
                 (select id from generate_series(1, 200000) id order by id desc offset 1) as sorted",
                pause(100),
            ),
            Repeat::start(session(), "begin; select 1; rollback", pause(5)),
            Repeat::start(session(), "select count(*) from large", pause(50)),
        ]
    }

    fn deadlocks(&self) {
        let (mut one, mut other) = (self.server.session("app"), self.server.session("app"));
        for _ in 0..8 {
            one.exec("begin; update busy set value = 1 where id = 1");
            other.exec("begin; update busy set value = 1 where id = 2");
            one.send("update busy set value = 1 where id = 2");
            other.send("update busy set value = 1 where id = 1");
            let failed = [one.answer(), other.answer()]
                .iter()
                .filter(|answer| answer.is_err())
                .count();
            assert_eq!(failed, 1, "no deadlock");
            one.exec("rollback");
            other.exec("rollback");
        }
    }

    fn misconfigure(&self) {
        self.server.psql(
            "alter system set max_connections = 30;
             alter system set autovacuum = off;
             alter system set full_page_writes = off;",
        );
        self.server.reload();
        let failed = self.server.try_psql(
            "app",
            "create unique index concurrently broken on large ((id % 10))",
        );
        assert!(failed.is_err(), "the index is not unique");
    }

    fn mend(&self) {
        self.server.psql(
            "alter system reset max_connections;
             alter system reset autovacuum;
             alter system reset full_page_writes;",
        );
        self.server.reload();
        self.server.psql_in("app", "drop index broken");
    }
}
