//! Failures: their reasons, and what they cost.

use std::time::{Duration, Instant};

use pg_exporter_lab::{Cluster, majors_among};

use super::{Own, about, database, databases};
use crate::layer::{Layer, patience};
use crate::support::{PATIENCE, exporter, failures, value};

const REASONS: &str = "
slow: { query: SELECT pg_sleep(20)::text AS value, timeout: 0.3, metrics: [ { value: { usage: GAUGE, description: None. } } ] }
locked: { query: SELECT n FROM held, timeout: 0.5, metrics: [ { n: { usage: GAUGE, description: None. } } ] }
secret: { query: SELECT count(*) AS n FROM secret, metrics: [ { n: { usage: GAUGE, description: None. } } ] }
column: { query: SELECT nothing FROM pg_am, metrics: [ { nothing: { usage: GAUGE, description: None. } } ] }
label: { query: SELECT 1 AS n, metrics: [ { name: { usage: LABEL, description: None. } }, { n: { usage: GAUGE, description: None. } } ] }
function: { query: SELECT nothing() AS n, metrics: [ { n: { usage: GAUGE, description: None. } } ] }
division: { query: SELECT 1 / (count(*) - 1) AS n FROM pg_am WHERE amname = 'btree', metrics: [ { n: { usage: GAUGE, description: None. } } ] }
raised: { query: SELECT raise() AS n, metrics: [ { n: { usage: GAUGE, description: None. } } ] }
written: { query: SELECT nextval('counted') AS n, metrics: [ { n: { usage: GAUGE, description: None. } } ] }
good: { query: SELECT 1 AS one, priority: 9999, metrics: [ { one: { usage: GAUGE, description: One. } } ] }
";

#[test]
fn failures_have_reasons_and_the_rest_is_served() {
    for cluster in databases("reasons") {
        let role = "reasons_reader";
        cluster.psql_in(
            "reasons",
            &format!(
                "create role {role} login; create table held (n int); create table secret (n int);
                 create sequence counted; grant select on held to {role}; grant usage on counted to {role};
                 create function raise() returns int language plpgsql as 'begin raise exception ''no''; end'"
            ),
        );
        let mut holder = cluster.session("reasons");
        holder.exec("begin");
        holder.exec("lock table held");
        let layer = Layer::new(REASONS);
        let url = format!("postgresql://{role}@127.0.0.1:{}/reasons", cluster.port());
        let exporter = exporter(&url)
            .args([
                "--no-builtin",
                "--auto-discovery=false",
                "--connect-timeout=2s",
                "--config",
            ])
            .arg(layer.path())
            .start();
        let began = Instant::now();
        let page = exporter.scrape();
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        let expected = [
            "reasons column missing_column",
            "reasons division cast",
            "reasons function missing_object",
            "reasons label missing_column",
            "reasons locked lock_timeout",
            "reasons raised other",
            "reasons secret permission",
            "reasons slow timeout",
            "reasons written other",
        ];
        assert_eq!(failures(&page), expected, "{}", exporter.stderr());
        assert_eq!(value(&page, "good_one", &[]), 1.0);
        assert_eq!(value(&page, "pg_up", &[]), 1.0);
        let states = |state: &str| value(&page, "pg_exporter_collectors", &[("state", state)]);
        assert_eq!([states("good"), states("failed")], [1.0, 9.0]);
        cluster.wait_for("select count(*) from pg_stat_activity where query like '%pg_sleep(20)%' and state = 'active' and pid <> pg_backend_pid()", "0");
        let line = exporter.line_of_log("collector=secret");
        assert!(line.contains("permission denied"), "{line}");
    }
}

#[test]
fn a_fatal_failure_takes_the_target_down_but_not_its_health() {
    let cluster = database("fatal");
    cluster.psql_in("fatal", "create table divisor as select 0 as n");
    let yaml = "
vital: { query: SELECT 1 / n AS value FROM divisor, fatal: true, metrics: [ { value: { usage: GAUGE, description: None. } } ] }";
    let own = Own::start(cluster, "fatal", yaml);
    let page = own.scrape();
    assert_eq!(value(&page, "pg_up", &[]), 0.0);
    assert_eq!(value(&page, "pg_exporter_scrape_error_count", &[]), 1.0);
    own.exporter.wait_for_status("/primary", 200, PATIENCE);
    cluster.psql_in("fatal", "update divisor set n = 1");
    assert_eq!(value(&own.scrape(), "pg_up", &[]), 1.0);
}

/// The server refuses a prepared statement once its result type has changed.
#[test]
fn a_changed_table_is_read_anew() {
    for cluster in databases("reshape") {
        cluster.psql_in("reshape", "create table shape as select 1::int as n");
        let yaml =
            "shape: { query: SELECT * FROM shape, metrics: [ { n: { usage: GAUGE, description: None. } } ] }";
        let own = Own::start(cluster, "reshape", yaml);
        assert_eq!(value(&own.scrape(), "shape_n", &[]), 1.0);
        cluster.psql_in(
            "reshape",
            "alter table shape alter n type text using 'twelve'; update shape set n = '12.5'",
        );
        let page = own.scrape();
        assert_eq!(value(&page, "shape_n", &[]), 12.5, "{:?}", failures(&page));
        cluster.psql_in("reshape", "alter table shape add more int");
        assert_eq!(value(&own.scrape(), "shape_n", &[]), 12.5);
        assert_eq!(about(&own.scrape(), "scrape_error_count", "shape"), 0.0);
    }
}

/// A result without one of the metrics' columns yields the others, one with more columns yields what is defined.
#[test]
fn a_metric_whose_column_is_missing_is_left_out() {
    let own = Own::start(
        database("absent"),
        "absent",
        "some: { query: SELECT 1 AS here, metrics: [ { here: { usage: GAUGE, description: Here. } }, { away: { usage: GAUGE, description: Away. } } ] }
more: { query: 'SELECT 1 AS here, 2 AS surplus', metrics: [ { here: { usage: GAUGE, description: Here. } } ] }",
    );
    let page = own.scrape();
    assert_eq!(
        (page.value("some_here", &[]), page.value("some_away", &[])),
        (Some(1.0), None)
    );
    assert_eq!(
        (page.value("more_here", &[]), page.all("more_surplus").count()),
        (Some(1.0), 0)
    );
    assert_eq!(failures(&page), [""; 0]);
    let stat = own.exporter.get("/stat").text();
    assert!(stat.contains("away"), "{stat}");
}

/// What is denied, or not supported by such a server, tells nothing about whether it answers: `pg_up` stays 1, and the failure is
/// told. Three ways: of the role, of a function that its vendor has replaced, of the shipped collector, in a function that it cannot do
/// without.
#[test]
fn a_fatal_collector_that_is_denied_leaves_the_target_up() {
    for major in majors_among(&[10, 14, 18]) {
        let cluster = Cluster::start(major);
        cluster.psql(
            "create role watcher login in role pg_monitor; create table public.secret (a int);
             create function public.vendors() returns int language plpgsql as
             $$ begin raise 'not supported here' using errcode = 'feature_not_supported'; end $$;
             revoke execute on function pg_catalog.to_regproc(text) from public",
        );
        let yaml = format!(
            "{}denied: {{ query: SELECT count(*) AS n FROM public.secret, fatal: true, timeout: 30, metrics: [ n: {{ usage: GAUGE, description: N }} ] }}
vendor: {{ query: SELECT public.vendors() AS n, fatal: true, timeout: 30, metrics: [ n: {{ usage: GAUGE, description: N }} ] }}
",
            patience(&[])
        );
        let layer = Layer::new(&yaml);
        let url = cluster.url("postgres").replace("postgres@", "watcher@");
        let exporter = exporter(&url)
            .arg("--auto-discovery=false")
            .arg("--config")
            .arg(layer.path())
            .start();
        for _ in 0..2 {
            let page = exporter.scrape();
            assert_eq!(
                page.value("pg_up", &[]),
                Some(1.0),
                "{major}: {}",
                exporter.stderr()
            );
            assert_eq!(
                failures(&page),
                [
                    "postgres denied permission",
                    "postgres pg permission",
                    "postgres pg_timeline permission",
                    "postgres pg_wal_unflushed permission",
                    "postgres vendor other"
                ],
                "{major}"
            );
            assert!(
                page.value("pg_db_numbackends", &[("datname", "postgres")])
                    .is_some()
            );
        }
        assert_eq!(exporter.get("/up").status, 200);
    }
}
