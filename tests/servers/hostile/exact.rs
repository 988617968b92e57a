//! Look-alikes that match exactly are found by whoever looks where they are. So what holds here is a session's own path: for facts, probe,
//! looks for locks, `doctor`, `check`, and all shipped statements, directly and through a pooler.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::Duration;

use pg_exporter_lab::{Cluster, Exporter, Pgbouncer, later_majors, majors};

use super::TOLD;
use crate::layer::Layer;
use crate::scene::SKIPPED;
use crate::support::exporter;

const EXACT: &str = include_str!("exact.sql");

macro_rules! majors {
    ($($name:ident: $major:literal,)*) => {
        $(#[test] fn $name() {
            // The lab has said on standard error that a major is not tested; with CI=true it has failed.
            if majors().contains(&$major) {
                exact_look_alikes_change_nothing($major);
            }
        })*
    };
}

majors! { postgres_10: 10, postgres_14: 14, postgres_15: 15, postgres_18: 18, }

/// A release that is given beside those of the lab.
#[test]
fn later_releases() {
    for major in later_majors() {
        exact_look_alikes_change_nothing(major);
    }
}

fn exact_look_alikes_change_nothing(major: u32) {
    let primary = Cluster::builder(major)
        .set("shared_preload_libraries", "pg_stat_statements")
        .start();
    primary.psql(
        "create role mallory login; create role monitor login; grant pg_monitor to monitor; create database exact owner mallory",
    );
    primary.psql_in(
        "exact",
        "create schema extensions; create extension pg_stat_statements schema extensions;
         grant usage on schema extensions to public; create table public.t (n int primary key)",
    );
    primary.psql("create extension pg_stat_statements");
    primary.psql_in("exact", &EXACT.replace(":SCHEMA", "exact"));
    let standby = primary.standby();
    standby.wait_for("select count(*) from pg_roles where rolname = 'monitor'", "1");
    // So that there is a time of the last replayed transaction on both pages.
    primary.psql("create table replayed (n int)");
    standby.wait_for("select count(*) from pg_class where relname = 'replayed'", "1");
    let clean = look(&primary, &standby, "clean");
    // By the owner, and by whoever may alter the role.
    primary
        .psql("set session authorization mallory; alter database exact set search_path = exact, pg_catalog");
    primary.psql("alter role postgres in database exact set search_path = exact, public, pg_catalog");
    standby.wait_for("select count(*) from pg_db_role_setting", "2");
    let told = |cluster: &Cluster| cluster.log().matches(TOLD).count();
    let before = (told(&primary), told(&standby));
    let hostile = look(&primary, &standby, "hostile");
    commands(&primary);
    assert_eq!(
        (told(&primary), told(&standby)),
        before,
        "{major}: {}\n{}",
        primary.log(),
        standby.log()
    );
    for (way, expected) in &clean {
        let found = &hostile[way];
        assert_eq!(found.health, expected.health, "{major}, {way}");
        for (family, series) in &expected.series {
            assert_eq!(found.series.get(family), Some(series), "{major}, {way}: {family}");
        }
        let more: Vec<_> = found
            .series
            .keys()
            .filter(|name| !expected.series.contains_key(*name))
            .collect();
        assert!(more.is_empty(), "{major}, {way}: {more:?}");
    }
    // At the end: what they run is counted as calls of functions.
    traps_are_set(&primary, &standby);
}

/// The look-alikes run where a session's path is not its own.
fn traps_are_set(primary: &Cluster, standby: &Cluster) {
    for statement in [
        "select 'a'::name = 'a'::name",
        "select 1::oid <> 2::oid",
        "select 'a'::text || 'b'::text",
        "select '0/0'::pg_lsn - '0/0'::pg_lsn",
        "select 1 <= 2",
        "select now() - now()",
        "select 1::int8 in (1::int8)",
        "select current_setting('port')",
        "select pg_is_in_recovery()",
        "select count(*) from pg_database",
        "select 'a'::text",
    ] {
        for cluster in [primary, standby] {
            let before = cluster.log().matches(TOLD).count();
            let _ = cluster.try_psql("exact", statement);
            assert!(cluster.log().matches(TOLD).count() > before, "{statement}");
        }
    }
}

/// What an exporter shows: of pages, families and their series; and its answers about health.
#[derive(Debug)]
struct Look {
    series: BTreeMap<String, BTreeSet<String>>,
    health: Vec<u16>,
}

/// Families whose series come and go by themselves.
const MOVING: [&str; 8] = [
    "pg_exporter",
    "process_",
    "pg_query",
    "pg_lock",
    "pg_wait",
    "pg_backend",
    "pg_session",
    "pg_xmin",
];

/// By each way to the servers.
fn look(primary: &Cluster, standby: &Cluster, what: &str) -> BTreeMap<String, Look> {
    let of = |cluster: &Cluster, database: &str, user: &str| {
        cluster.url(database).replace("postgres@", &format!("{user}@"))
    };
    let mut ways = vec![
        ("directly".to_owned(), of(primary, "exact", "monitor"), None),
        (
            "as a superuser".to_owned(),
            of(primary, "exact", "postgres"),
            None,
        ),
        (
            "from another database".to_owned(),
            of(primary, "postgres", "monitor"),
            None,
        ),
        ("a standby".to_owned(), of(standby, "exact", "monitor"), None),
    ];
    for mode in ["transaction", "session", "statement"] {
        let place = format!("host=127.0.0.1 port={} user=monitor", primary.port());
        let lines = format!("pool_mode = {mode}\n[databases]\n* = {place}");
        let pooler = Pgbouncer::start_with(primary, &lines);
        ways.push((
            format!("through a pooler, {mode}"),
            pooler.url("exact"),
            Some(pooler),
        ));
    }
    let looked = ways
        .iter()
        .map(|(way, url, _)| (way.clone(), look_by(url, &format!("{what}, {way}"))));
    looked.collect()
}

fn look_by(url: &str, what: &str) -> Look {
    let layer = Layer::patient(&SKIPPED);
    let exporter = exporter(url)
        .arg("--disable-cache")
        .arg("--config")
        .arg(layer.path())
        .start();
    let mut page = exporter.scrape();
    for _ in 0..2 {
        // Longer than between two looks for locks, with sessions that idle.
        sleep(Duration::from_millis(1200));
        page = exporter.scrape();
    }
    assert_eq!(
        page.value("pg_up", &[]),
        Some(1.0),
        "{what}: {}",
        exporter.stderr()
    );
    assert!(
        page.all("pg_query_calls").count() > 0 && page.all("pg_relkind_count").count() > 0,
        "{what}"
    );
    Look {
        series: page.series_but(&MOVING),
        health: health(&exporter),
    }
}

fn health(exporter: &Exporter) -> Vec<u16> {
    let paths = [
        "/primary",
        "/replica",
        "/replica?lag=1h",
        "/read-only?lag=1h",
        "/up",
    ];
    paths.iter().map(|path| exporter.get(path).status).collect()
}

/// What commands ask, as whoever may do most harm.
fn commands(primary: &Cluster) {
    let pooler = Pgbouncer::start(primary);
    for url in [primary.url("exact"), pooler.url("exact")] {
        for arguments in [&["doctor"] as &[&str], &["check", "--strict", "--url", &url]] {
            // Whatever it has to say of such a server.
            let _ = exporter(&url).args(arguments.iter().copied()).run();
        }
    }
}
