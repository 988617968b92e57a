//! A function that the role may not execute costs what it tells, and nothing beside it.

mod lost;
mod meanwhile;
mod refused;

use std::collections::BTreeSet;

use pg_exporter::catalog::compiled::COLLECTORS;
use pg_exporter::schema::{Collector, Tag};
use pg_exporter_lab::{Cluster, Page, majors_among};

use self::lost::{OF_A_PRIMARY, OF_A_STANDBY};
use crate::layer::{Layer, patience};
use crate::support::{assert_healthy, exporter, failures, thorough, value};

/// A server with something of everything, and a role that may do what `pg_monitor` may.
fn server(major: u32) -> Cluster {
    let cluster = Cluster::builder(major)
        .set("wal_level", "logical")
        .set("max_prepared_transactions", "2")
        .set("track_functions", "all")
        .start();
    cluster.psql(
        "create role watcher login in role pg_monitor;
         create table things (id serial primary key, label text); insert into things (label) select 'x' from generate_series(1, 9);
         grant select on all sequences in schema public to watcher;
         create function work() returns int language plpgsql as 'begin return 1; end';
         select pg_create_physical_replication_slot('spare', true)",
    );
    cluster.psql("select pg_create_logical_replication_slot('decoded', 'test_decoding')");
    cluster.psql("select work()");
    cluster.psql("vacuum analyze things");
    cluster
}

fn url(cluster: &Cluster) -> String {
    cluster.url("postgres").replace("postgres@", "watcher@")
}

/// The collectors for that server that do without the function.
fn that_do_without(function: &str, version: u32, in_recovery: bool) -> Vec<&'static Collector> {
    let other = if in_recovery { Tag::Primary } else { Tag::Replica };
    let does = |one: &&Collector| {
        one.fits_version(version)
            && !one.has_tag(&other)
            && !one.skip
            && one.optional.iter().any(|name| *name == *function)
    };
    COLLECTORS.iter().filter(does).collect()
}

/// What a page tells of these collectors: metrics by name, and by a label where each series is a fact of its own.
fn told(page: &Page, collectors: &[&Collector]) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    let metrics = collectors.iter().flat_map(|one| one.values());
    for metric in metrics {
        for sample in page.all(&metric.name).filter(|sample| !sample.value.is_nan()) {
            match (&*metric.name, sample.label("datname"), sample.label("kind")) {
                ("pg_size_bytes", Some(label), _) | ("pg_xmin_age_xids", _, Some(label)) => {
                    told.insert(format!("{} {label}", metric.name));
                }
                ("pg_meta_info", ..) => {
                    let known = sample.labels.iter().filter(|(_, value)| !value.is_empty());
                    told.extend(known.map(|(name, _)| format!("pg_meta_info {name}")));
                }
                (name, ..) => {
                    told.insert(name.to_owned());
                }
            }
        }
    }
    told
}

/// Denies each function, and looks at what a new exporter serves.
fn deny_each(primary: &Cluster, server: &Cluster, expected: &[(&str, &[&str])]) {
    let place = |function: &str| format!("PostgreSQL {} without {function}", server.major());
    let version: u32 = server.psql("show server_version_num").parse().unwrap();
    let in_recovery = server.psql("select pg_is_in_recovery()") == "t";
    let layer = Layer::patient(&[]);
    let whole = thorough(&url(server), &layer).scrape();
    for (function, lost) in expected {
        let collectors = that_do_without(function, version, in_recovery);
        let signature = server.psql(&format!(
            "select string_agg(oid::regprocedure::text, ', ') from pg_proc
             where pronamespace = 'pg_catalog'::regnamespace and proname = '{function}'"
        ));
        if signature.is_empty() || collectors.is_empty() {
            continue;
        }
        let may = |server: &Cluster, answer: &str| {
            server.wait_for(
                &format!(
                    "select bool_and(has_function_privilege('watcher', oid, 'EXECUTE')) from pg_proc
                     where pronamespace = 'pg_catalog'::regnamespace and proname = '{function}'"
                ),
                answer,
            );
        };
        primary.psql(&format!(
            "revoke execute on function {signature} from public, pg_monitor"
        ));
        may(server, "f");
        let exporter = thorough(&url(server), &layer);
        let page = exporter.scrape();
        assert_eq!(
            value(&page, "pg_up", &[]),
            1.0,
            "{}: {}",
            place(function),
            exporter.stderr()
        );
        for one in &collectors {
            let failed = failures(&page);
            let is_it = |failure: &String| failure.split(' ').nth(1) == Some(&*one.name);
            assert!(!failed.iter().any(is_it), "{}: {failed:?}", place(function));
        }
        let found: Vec<String> = told(&whole, &collectors)
            .difference(&told(&page, &collectors))
            .cloned()
            .collect();
        // What older versions do not have they cannot lose.
        let told = told(&whole, &collectors);
        let expected: Vec<&str> = lost.iter().copied().filter(|one| told.contains(*one)).collect();
        assert_eq!(found, expected, "{}: {}", place(function), exporter.stderr());
        assert!(
            server.major() < 18 || expected.len() == lost.len(),
            "{}: {lost:?} is not all on the page: {told:?}",
            place(function)
        );
        primary.psql(&format!("grant execute on function {signature} to public"));
        may(server, "t");
    }
}

#[test]
fn a_function_that_is_denied_costs_what_it_tells() {
    for major in majors_among(&[10, 14, 18]) {
        let primary = server(major);
        let standby = primary.standby();
        primary.wait_for(
            "select count(*) from pg_stat_replication where state = 'streaming'",
            "1",
        );
        deny_each(&primary, &primary, OF_A_PRIMARY);
        deny_each(&primary, &standby, OF_A_STANDBY);
    }
}

/// Every function of the list is tested, and every function that a collector does without is in the list.
#[test]
fn all_that_is_optional_is_tested() {
    let tested: BTreeSet<&str> = OF_A_PRIMARY
        .iter()
        .chain(OF_A_STANDBY)
        .map(|(name, _)| *name)
        .collect();
    let shipped = COLLECTORS.iter().filter(|one| !one.skip);
    let optional: BTreeSet<&str> = shipped
        .flat_map(|one| one.optional.iter().map(|name| &**name))
        .collect();
    assert_eq!(tested, optional);
}

/// Rights that come and go while the exporter runs: the first scrape after a REVOKE has all but what is denied, the log says so
/// once, and a reload brings back what is allowed again.
#[test]
fn rights_may_be_taken_and_given_while_it_runs() {
    for major in majors_among(&[10, 18]) {
        let server = server(major);
        let layer = Layer::new(&patience(&[]));
        let exporter = exporter(&url(&server))
            .args(["--disable-cache", "--config"])
            .arg(layer.path())
            .start();
        let page = exporter.scrape();
        assert_healthy(&exporter, &page);
        let steps: [(&str, [bool; 3]); 4] = [
            (
                "revoke execute on function pg_conf_load_time() from public",
                [false, true, true],
            ),
            (
                "revoke execute on function pg_postmaster_start_time() from public",
                [false, false, true],
            ),
            (
                "grant execute on function pg_conf_load_time() to public",
                [false, false, true],
            ),
            // Looks again at what is denied: what is allowed by now is back.
            (
                "revoke execute on function pg_current_wal_lsn() from public",
                [true, false, false],
            ),
        ];
        for (statement, expected) in steps {
            server.psql(statement);
            let page = exporter.scrape();
            assert_healthy(&exporter, &page);
            let is_told = |name| !value(&page, name, &[]).is_nan();
            assert_eq!(
                ["pg_reload_time", "pg_boot_time", "pg_lsn"].map(is_told),
                expected,
                "{statement}: {}",
                exporter.stderr()
            );
        }
        // Nothing of it is tried that the server would refuse: its log has no line more.
        let refused = || server.log().matches("permission denied for function").count();
        let before = refused();
        for _ in 0..2 {
            assert_eq!(exporter.get("/reload").status, 200);
            let page = exporter.scrape();
            assert_healthy(&exporter, &page);
            assert!(value(&page, "pg_boot_time", &[]).is_nan());
        }
        assert_eq!((before > 0, refused()), (true, before), "{}", server.log());
        server.psql("grant execute on function pg_postmaster_start_time(), pg_current_wal_lsn() to public");
        assert_eq!(exporter.get("/reload").status, 200);
        let page = exporter.scrape();
        assert_healthy(&exporter, &page);
        for name in ["pg_reload_time", "pg_boot_time", "pg_lsn"] {
            assert!(!value(&page, name, &[]).is_nan(), "{name}: {}", exporter.stderr());
        }
        let log = exporter.final_log();
        let lines = |collector: &str| {
            let told = log
                .lines()
                .filter(|line| line.contains("the role may not execute pg_conf_load_time"));
            told.filter(|line| line.contains(&format!("collector={collector} ")))
                .count()
        };
        assert_eq!(
            (lines("pg_primary_only"), lines("pg_settings_hash")),
            (2, 1),
            "{log}"
        );
    }
}

#[test]
fn a_metric_counts_what_is_denied_and_the_page_of_the_collector_names_it() {
    let server = server(18);
    let counted = |page: &Page| page.value("pg_exporter_query_denied_functions", &[("query", "pg")]);
    let layer = Layer::patient(&[]);
    let exporter = thorough(&url(&server), &layer);
    assert_eq!(counted(&exporter.scrape()), None, "{}", exporter.stderr());
    server.psql("revoke execute on function pg_conf_load_time(), pg_postmaster_start_time() from public");
    let page = exporter.scrape();
    assert_healthy(&exporter, &page);
    assert_eq!(counted(&page), Some(2.0), "{}", exporter.stderr());
    let shown = exporter.get("/collector/pg").text();
    assert!(
        shown.contains("the role may not execute pg_conf_load_time"),
        "{shown}"
    );
    server.psql("grant execute on function pg_conf_load_time(), pg_postmaster_start_time() to public");
    assert_eq!(exporter.get("/reload").status, 200);
    assert_eq!(counted(&exporter.scrape()), None, "{}", exporter.stderr());
}

/// Functions of each form of result, in each place of a statement where a call may stand.
const OF_A_SITE: &str = r#"
row: { query: "SELECT pg_postmaster_start_time IS NULL AS missing FROM pg_catalog.pg_postmaster_start_time()", optional: [pg_postmaster_start_time],
  metrics: [ { missing: { usage: GAUGE, description: Whether. } } ] }
named: { query: "SELECT started IS NULL AS missing FROM pg_catalog.pg_postmaster_start_time() started", optional: [pg_postmaster_start_time],
  metrics: [ { missing: { usage: GAUGE, description: Whether. } } ] }
value: { query: "SELECT pg_catalog.pg_postmaster_start_time() IS NULL AS missing, pg_catalog.max(x) AS x FROM pg_catalog.generate_series(1, 2) AS x",
  optional: [pg_postmaster_start_time],
  metrics: [ { missing: { usage: GAUGE, description: Whether. } }, { x: { usage: GAUGE, description: Most. } } ] }
rows: { query: "SELECT pg_catalog.count(*) AS found FROM pg_catalog.pg_tablespace AS t, LATERAL pg_catalog.pg_tablespace_databases(t.oid) AS d WHERE d > 0::pg_catalog.oid",
  optional: [pg_tablespace_databases],
  metrics: [ { found: { usage: GAUGE, description: Databases. } } ] }
columns: { query: "SELECT pg_catalog.count(*) AS found FROM pg_catalog.pg_ls_waldir() WHERE size > 0::pg_catalog.int8", optional: [pg_ls_waldir],
  metrics: [ { found: { usage: GAUGE, description: Files. } } ] }
"#;

/// What stands for a denied function fits wherever a call does: in FROM with and without a name, in an expression, for each row.
#[test]
fn what_stands_for_a_function_fits_wherever_it_is_called() {
    for major in majors_among(&[10, 14, 18]) {
        let server = server(major);
        // A busy machine needs more time than the default.
        let slowly = OF_A_SITE.replace("optional:", "timeout: 30, optional:");
        let layer = Layer::new(&format!("{}{slowly}", patience(&[])));
        let names = [
            "row_missing",
            "named_missing",
            "value_missing",
            "value_x",
            "rows_found",
            "columns_found",
        ];
        let served = |expected: [f64; 6]| {
            let exporter = thorough(&url(&server), &layer);
            let page = exporter.scrape();
            let found = names.map(|name| value(&page, name, &[]));
            assert_eq!(found, expected, "PostgreSQL {major}: {}", exporter.stderr());
            assert_eq!(
                failures(&page),
                [""; 0],
                "PostgreSQL {major}: {}",
                exporter.stderr()
            );
        };
        let found = |query: &str| server.psql(query).parse::<f64>().unwrap();
        let databases = found("select count(*) from pg_tablespace t, pg_tablespace_databases(t.oid) d");
        let files = found("select count(*) from pg_ls_waldir()");
        served([0.0, 0.0, 0.0, 2.0, databases, files]);
        server.psql(
            "revoke execute on function pg_postmaster_start_time(), pg_tablespace_databases(oid), pg_ls_waldir() from public, pg_monitor",
        );
        served([1.0, 1.0, 1.0, 2.0, 0.0, 0.0]);
    }
}

/// What is no statistic of the function that is denied stays as it is: 0 of a table without an index.
#[test]
fn what_is_not_denied_keeps_its_default() {
    for major in majors_among(&[10, 13, 18]) {
        let server = server(major);
        server.psql(
            "create table bare (a int); create table empty (a int);
             revoke execute on function pg_stat_get_vacuum_count(oid), pg_indexes_size(regclass) from public",
        );
        let exporter = thorough(&url(&server), &Layer::patient(&[]));
        let page = exporter.scrape();
        assert_healthy(&exporter, &page);
        let bare = [("relname", "public.bare")];
        for metric in [
            "idx_scan",
            "idx_tup_fetch",
            "tbl_scan",
            "tup_read",
            "idx_blks_read",
            "idx_blks_hit",
            "seq_scan",
        ] {
            assert_eq!(
                value(&page, &format!("pg_table_{metric}"), &bare),
                0.0,
                "{metric} on {major}"
            );
        }
        for metric in ["relsize", "indexsize", "toastsize", "bytes"] {
            assert_eq!(
                value(&page, &format!("pg_table_size_{metric}"), &bare),
                0.0,
                "{metric} on {major}"
            );
        }
        for metric in ["pg_table_vacuum_count", "pg_table_size_indexsize"] {
            assert!(
                value(&page, metric, &[("relname", "public.things")]).is_nan(),
                "{metric} on {major}"
            );
        }
        assert!(value(&page, "pg_table_vacuum_count", &bare).is_nan());
    }
}
