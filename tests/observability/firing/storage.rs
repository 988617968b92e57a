//! Pages, sequences, passwords, certificates, transaction ids.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use pg_exporter_lab::{Cluster, Exporter, Session};
use rcgen::{CertificateParams, KeyPair};

use super::stage::{Layer, Repeat, Stage, Target, exporter, ready, server};

/// Switches on what the alerts need and is off by default.
const LAYER: &str =
    "pg_seq_end: { skip: false }\npg_role: { skip: false }\npg_tls_certificate: { skip: false }\n";

pub(crate) struct Scene {
    server: Cluster,
    exporter: Exporter,
    _layer: Layer,
}

impl Scene {
    pub(crate) fn start() -> Self {
        let server = server(&[
            ("autovacuum_freeze_max_age", "100000"),
            ("autovacuum_naptime", "1s"),
            ("max_prepared_transactions", "2"),
            ("ssl_cert_file", "server.crt"),
            ("ssl_key_file", "server.key"),
        ]);
        server.psql_in(
            "app",
            "create role leaving login password 'x' valid until 'infinity';
             create table damaged as select id from generate_series(1, 1000) id;
             create table growing (text text);
             create table used (id int);
             create sequence short maxvalue 10;
             checkpoint;",
        );
        assert_eq!(server.psql("show data_checksums"), "on");
        certify(&server, 400);
        server.set("ssl", "on");
        server.reload();
        let layer = Layer::new(LAYER);
        let exporter = ready(&exporter(&server.url("postgres")).arg(layer.flag()));
        Self {
            server,
            exporter,
            _layer: layer,
        }
    }

    pub(crate) fn targets(&self) -> Vec<Target<'_>> {
        vec![Target {
            instance: "storage",
            cls: "storage",
            exporter: &self.exporter,
        }]
    }

    pub(crate) fn run(&self, stage: &Stage) {
        let damage = ["PgRestarted@storage", "PgChecksumFailure@storage/app"];
        stage.episode(
            &damage,
            || self.damage(),
            |()| {
                self.server.psql_in("app", "drop table damaged");
            },
        );
        let ends = [
            "PgSequenceNearEnd@storage/app",
            "PgPasswordExpires@storage",
            "PgCertificateExpires@storage",
            "PgDatabaseGrowth@storage",
        ];
        stage.episode(
            &ends,
            || self.near_ends(),
            |growing| {
                drop(growing);
                self.server.psql_in(
                    "app",
                    "drop sequence short; alter role leaving valid until 'infinity'; truncate growing",
                );
                certify(&self.server, 400);
                self.server.reload();
            },
        );
        let ids = [
            "PgWraparoundNear@storage/app",
            "PgWraparoundImminent@storage/app",
            "PgFreezeBehind@storage/app",
            "PgPreparedTransaction@storage/app",
            "PgVacuumBehind@storage/app",
        ];
        stage.episode(
            &ids,
            || self.use_ids(),
            |holder| {
                drop(holder);
                self.server
                    .psql_in("app", "rollback prepared 'forgotten'; vacuum freeze");
            },
        );
    }

    /// A byte of a page on disk is another one when the server comes up again.
    fn damage(&self) {
        let file = self
            .server
            .psql_in("app", "select pg_relation_filepath('damaged')");
        let path = self.server.data().join(file);
        self.server.stop();
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.write_all_at(&[0x55; 16], 8000).unwrap();
        self.server.start_again();
        let read = self.server.try_psql("app", "select count(*) from damaged");
        assert!(read.is_err(), "the damage was not found");
    }

    fn near_ends(&self) -> Repeat {
        self.server.psql_in(
            "app",
            "select count(nextval('short')) from generate_series(1, 9);
             do $$ begin execute format('alter role leaving valid until %L', now() + interval '2 days'); end $$;",
        );
        certify(&self.server, 5);
        self.server.reload();
        let grow =
            "insert into growing select string_agg(md5(id::text), '') from generate_series(1, 100000) id";
        Repeat::start(self.server.session("app"), grow, Duration::from_millis(300))
    }

    /// 300,000 transactions, each a savepoint's, while a session keeps vacuum from freezing.
    fn use_ids(&self) -> Session {
        self.server.psql_in(
            "app",
            "begin; insert into growing values ('x'); prepare transaction 'forgotten'",
        );
        let mut holder = self.server.session("app");
        holder.exec("begin isolation level repeatable read; insert into used values (0)");
        self.server.psql_in(
            "app",
            "do $$ begin for i in 1..300000 loop
                 begin insert into used values (i); exception when division_by_zero then null; end;
             end loop; end $$;
             delete from used where id % 2 = 0;",
        );
        holder
    }
}

/// A certificate for so many days, and its key.
fn certify(server: &Cluster, days: i64) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_after = time::OffsetDateTime::now_utc() + time::Duration::days(days);
    server.write_file("server.crt", &params.self_signed(&key).unwrap().pem());
    server.write_file("server.key", &key.serialize_pem());
}
