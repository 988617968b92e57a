//! The exporter's own mistakes, by a file of collectors, and a subscription from one database of a server to another.

use pg_exporter_lab::{Cluster, Exporter};

use super::stage::{Layer, Stage, Target, exporter, ready, server};

const GOOD: &str = "
test_good:
  query: SELECT 1 AS value
  tags: [cluster]
  ttl: 1
  metrics: [{ value: { usage: GAUGE, description: Always one. } }]
";

const BAD: &str = "
test_failing:
  query: SELECT 1 / 0 AS value
  tags: [cluster]
  ttl: 1
  metrics: [{ value: { usage: GAUGE, description: Never there. } }]
test_slow:
  query: SELECT 1 AS value FROM pg_catalog.pg_sleep(1.2)
  tags: [cluster]
  ttl: 1
  timeout: 1.8
  metrics: [{ value: { usage: GAUGE, description: Always one. } }]
test_double:
  query: SELECT 'same' AS name, 1 AS value UNION ALL SELECT 'same', 2
  tags: [cluster]
  ttl: 1
  metrics:
    - name: { usage: LABEL, description: Always the same. }
    - value: { usage: GAUGE, description: One or two. }
";

pub(crate) struct Scene {
    pub(crate) server: Cluster,
    exporter: Exporter,
    layer: Layer,
}

impl Scene {
    pub(crate) fn start() -> Self {
        let server = server(&[("wal_retrieve_retry_interval", "300ms")]);
        let layer = Layer::new(GOOD);
        let exporter = ready(&exporter(&server.url("postgres")).arg(layer.flag()));
        server.create_database("publisher");
        server.create_database("subscriber");
        server.psql_in(
            "publisher",
            "create table rows (id int primary key);
             create publication p for table rows;
             select pg_create_logical_replication_slot('s', 'pgoutput');",
        );
        server.psql_in(
            "subscriber",
            &format!(
                "create table rows (id int primary key);
                 insert into rows values (1);
                 create subscription s connection 'host=127.0.0.1 port={} user=postgres dbname=publisher'
                     publication p with (create_slot = false, slot_name = 's', copy_data = false);",
                server.port()
            ),
        );
        Self {
            server,
            exporter,
            layer,
        }
    }

    pub(crate) fn targets(&self) -> Vec<Target<'_>> {
        vec![Target {
            instance: "plain",
            cls: "plain",
            exporter: &self.exporter,
        }]
    }

    pub(crate) fn run(&self, stage: &Stage) {
        let failing = [
            "PgCollectorFailing@plain",
            "PgScrapeSlow@plain",
            "PgSeriesDropped@plain",
            "PgSubscriptionErrors@plain",
        ];
        let break_them = || {
            assert_eq!(self.load(BAD), 200);
            self.server.psql_in("publisher", "insert into rows values (1)");
        };
        stage.episode(&failing, break_them, |()| {
            assert_eq!(self.load(GOOD), 200);
            self.server.psql_in("subscriber", "delete from rows");
        });
        let connect = |port: u16| {
            self.server.psql_in(
                "subscriber",
                &format!("alter subscription s connection 'host=127.0.0.1 port={port} user=postgres dbname=publisher'"),
            );
        };
        stage.episode(
            &["PgSubscriptionDown@plain"],
            || connect(1),
            |()| connect(self.server.port()),
        );
        let broken = || assert_ne!(self.load("test_good: { query: ["), 200);
        stage.episode(&["PgConfigReloadFailed@plain"], broken, |()| {
            assert_eq!(self.load(GOOD), 200);
        });
    }

    /// Has the exporter load collectors; the status of its answer.
    fn load(&self, collectors: &str) -> u16 {
        self.layer.replace(collectors);
        self.exporter.request("POST", "/reload", &[]).status
    }
}
