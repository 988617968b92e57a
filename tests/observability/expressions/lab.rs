//! Primaries and standbys of four majors and a pgbouncer, at work, with an exporter each, and a Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use pg_exporter_lab::prometheus::Prometheus;
use pg_exporter_lab::{Cluster, Exporter, Pgbouncer, Session, majors_among, tool, wait_until};
use serde_json::Value;

use crate::files::rule_texts;
use crate::firing::stage::{Layer, exporter, ready};

/// A server under watch.
pub(crate) struct Node {
    pub(crate) instance: String,
    pub(crate) major: u32,
    pub(crate) standby: bool,
}

pub(crate) struct Lab {
    prometheus: Prometheus,
    nodes: Vec<Node>,
    pool: [Node; 1],
    loads: Vec<Child>,
    // Dropped after what uses them.
    sites: Vec<Site>,
    _pool: (Pgbouncer, Exporter),
    _layer: Layer,
}

/// A primary, its standby, their exporters, and a transaction left open.
struct Site {
    primary: Cluster,
    standby: Cluster,
    exporters: [Exporter; 2],
    _open: Session,
}

impl Site {
    fn start(major: u32, layer: &str) -> Self {
        let primary = Cluster::builder(major)
            .set("archive_mode", "on")
            .set("archive_command", "true")
            .start();
        primary.create_database("app");
        let standby = primary.standby();
        let bench = ["-i", "-q", "-s", "1"];
        assert!(pgbench(primary.port(), &bench).wait().unwrap().success());
        // Statements of a superuser are not counted.
        primary.psql("create extension pg_stat_statements; create role worker login");
        primary.psql_in(
            "app",
            "grant all on all tables in schema public to worker;
             create function cheap() returns int language plpgsql as 'begin return 1; end';
             create table keyed (id serial primary key, text text); insert into keyed (text) select 'x';
             create index unused on pgbench_tellers (bid);
             analyze;",
        );
        let exporters =
            [&primary, &standby].map(|server| ready(&exporter(&server.url("postgres")).arg(layer)));
        let mut open = primary.session("app");
        open.exec("begin; select 1");
        Self {
            primary,
            standby,
            exporters,
            _open: open,
        }
    }
}

fn pgbench(port: u16, arguments: &[&str]) -> Child {
    let mut command = Command::new(tool("pgbench"));
    command
        .args(["-h", "127.0.0.1", "-U", "postgres", "-p", &port.to_string()])
        .args(arguments)
        .arg("app");
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Lab {
    pub(crate) fn start() -> Self {
        // What is off by default and rules are about.
        let layer = Layer::new(
            "pg_seq_end: { skip: false }\npg_role: { skip: false }\npg_tls_certificate: { skip: false }\n",
        );
        let wanted = majors_among(&[10, 14, 16, 18]);
        let flag = layer.flag();
        let sites: Vec<Site> = thread::scope(|scope| {
            let flag = &flag;
            let starting: Vec<_> = wanted
                .iter()
                .map(|&major| scope.spawn(move || Site::start(major, flag)))
                .collect();
            starting
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let newest = &sites.last().unwrap().primary;
        prepare_newest(newest);
        let pgbouncer = Pgbouncer::start(newest);
        let watching = ready(&exporter(&pgbouncer.stats_url()));
        let mut nodes = Vec::new();
        let mut targets = target("pool", &format!("pg{}", wanted.last().unwrap()), &watching);
        let mut loads = vec![pgbench(
            pgbouncer.port(),
            &["-n", "-c", "4", "-R", "20", "-T", "600"],
        )];
        for (site, major) in sites.iter().zip(&wanted) {
            let cls = format!("pg{major}");
            for (standby, exporter) in [false, true].into_iter().zip(&site.exporters) {
                let instance = if standby {
                    format!("{cls}-standby")
                } else {
                    cls.clone()
                };
                targets += &target(&instance, &cls, exporter);
                nodes.push(Node {
                    instance,
                    major: *major,
                    standby,
                });
            }
            loads.push(pgbench(
                site.primary.port(),
                &["-n", "-U", "worker", "-c", "2", "-R", "20", "-T", "600"],
            ));
            loads.push(pgbench(
                site.standby.port(),
                &["-n", "-S", "-c", "1", "-R", "10", "-T", "600"],
            ));
            let call = "select cheap(), count(*) from keyed where id > 0";
            site.primary.psql_in("app", &[call; 5].join(";"));
        }
        let scrape =
            format!("{{job_name: pg, scrape_interval: 3s, scrape_timeout: 3s, static_configs: [{targets}]}}");
        let rules: String = merged();
        let prometheus = Prometheus::start_judging(&scrape, &rules);
        let lab = Self {
            prometheus,
            nodes,
            pool: [Node {
                instance: "pool".into(),
                major: 18,
                standby: false,
            }],
            loads,
            sites,
            _pool: (pgbouncer, watching),
            _layer: layer,
        };
        lab.wait_for_scrapes(2);
        for site in &lab.sites {
            site.primary.psql("checkpoint");
        }
        lab.wait_for_scrapes(5);
        lab
    }

    fn wait_for_scrapes(&self, count: u32) {
        let enough = format!(
            "count(count_over_time(up[2m]) >= {count}) == {}",
            self.nodes.len() + 1
        );
        wait_until(
            "Prometheus has scraped all often enough",
            Duration::from_secs(100),
            || self.query(&enough).is_ok_and(|rows| !rows.is_empty()),
        );
    }

    /// The servers that a dashboard is tried on: all together, each, or the pool.
    pub(crate) fn nodes_for(&self, dashboard: &str, one: bool) -> Vec<Option<&Node>> {
        match (dashboard, one) {
            ("pgbouncer", _) => self.pool.iter().map(Some).collect(),
            (_, true) => self.nodes.iter().map(Some).collect(),
            (_, false) => vec![None],
        }
    }

    /// The exporter of the newest primary.
    pub(crate) fn exporter(&self) -> &Exporter {
        &self.sites.last().unwrap().exporters[0]
    }

    /// The series that an expression gives, now or over the last two minutes.
    pub(crate) fn answer(&self, expr: &str, range: bool) -> Value {
        let answer = if range {
            let now = std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap()
                .as_secs();
            let encoded: String = expr.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let (from, step) = (now - 120, 3);
            self.prometheus.ask(&format!(
                "/api/v1/query_range?query={encoded}&start={from}&end={now}&step={step}"
            ))
        } else {
            self.prometheus.query(expr)
        };
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["status"], "success", "{expr}: {answer}");
        answer["data"]["result"].clone()
    }

    /// The labels of each series that an expression gives.
    pub(crate) fn query(&self, expr: &str) -> Result<Vec<BTreeMap<String, String>>, String> {
        let answer: Value =
            serde_json::from_str(&self.prometheus.query(expr)).map_err(|error| error.to_string())?;
        if answer["status"] != "success" {
            return Err(answer["error"].to_string());
        }
        let labels = |row: &Value| {
            let pairs = row["metric"].as_object().into_iter().flatten();
            pairs
                .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
                .collect()
        };
        // A scalar or a string has no rows.
        Ok(answer["data"]["result"]
            .as_array()
            .into_iter()
            .flatten()
            .map(labels)
            .collect())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for load in &mut self.loads {
            let _ = load.kill();
            let _ = load.wait();
        }
    }
}

fn target(instance: &str, cls: &str, exporter: &Exporter) -> String {
    let mut text = String::new();
    let _ = write!(
        text,
        "{{targets: ['127.0.0.1:{}'], labels: {{instance: {instance}, cls: {cls}}}}}, ",
        exporter.port()
    );
    text
}

/// What only some servers have: a certificate, a slot that nobody uses, a subscription, a role whose password ends.
fn prepare_newest(newest: &Cluster) {
    let pair = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    newest.write_file("server.crt", &pair.cert.pem());
    newest.write_file("server.key", &pair.signing_key.serialize_pem());
    newest.set("ssl", "on");
    newest.reload();
    newest.psql(
        "create role leaving login password 'x' valid until '2099-01-01';
         select pg_create_physical_replication_slot('idle', true);",
    );
    newest.psql_in(
        "app",
        "create sequence short maxvalue 10; select nextval('short'), nextval('short');
         create publication p for table keyed; select pg_create_logical_replication_slot('s', 'pgoutput');",
    );
    newest.create_database("copy");
    newest.psql_in(
        "copy",
        &format!(
            "create table keyed (id serial primary key, text text);
             create subscription s connection 'host=127.0.0.1 port={} user=postgres dbname=app'
                 publication p with (create_slot = false, slot_name = 's');",
            newest.port()
        ),
    );
}

/// All rule files as one.
fn merged() -> String {
    use pg_exporter_observability::rules::Rules;
    let mut all = Rules::default();
    for text in rule_texts() {
        all.groups.extend(Rules::parse(&text).unwrap().groups);
    }
    serde_json::to_string(&all).unwrap()
}
