//! How far behind a standby may be: `?lag=`.

use std::thread;
use std::time::Duration;

use pg_exporter_lab::process::{Signal, signal};
use pg_exporter_lab::{Cluster, Exporter, majors, newest_major, wait_until};

use crate::support::{
    HEALTH_LIMIT, SOON, State, answer, assert_stays, builder, cluster, count, wait_for_state,
};

/// The paths that take a rule.
const PATHS: [&str; 7] = [
    "/replica",
    "/standby",
    "/slave",
    "/read-only",
    "/ro",
    "/read",
    "/readiness",
];

/// A primary of the oldest server and of the newest, with a role that may read no more than anybody, and one that is a monitor.
fn primaries() -> impl Iterator<Item = Cluster> {
    [majors()[0], newest_major()].into_iter().map(|major| {
        let primary = Cluster::start(major);
        primary.psql("create role lagging login");
        if major == newest_major() {
            primary.psql("grant pg_monitor to lagging");
        }
        primary
    })
}

fn replica(standby: &Cluster) -> Exporter {
    let known = standby.psql("select count(*) from pg_roles where rolname = 'lagging'") == "1";
    let role = if known { "lagging" } else { "postgres" };
    let exporter = builder(&standby.url("postgres").replace("postgres@", &format!("{role}@"))).start();
    wait_for_state(&exporter, State::Replica, SOON);
    exporter
}

/// Waits until every path with this rule answers with a status and a text in it.
#[track_caller]
fn wait_for_rule(exporter: &Exporter, rule: &str, status: u16, text: &str) {
    for path in PATHS {
        let path = format!("{path}?lag={rule}");
        let mut last = (0, String::new());
        wait_until(&format!("{path} answers {status} {text:?}"), SOON, || {
            last = answer(exporter, &path);
            last.0 == status && last.1.contains(text)
        });
    }
}

#[test]
fn a_standby_that_keeps_up_meets_every_rule() {
    for primary in primaries() {
        let standby = primary.standby();
        let exporter = replica(&standby);
        for rule in ["10s", "1MB", "10s&lag=1MB"] {
            wait_for_rule(&exporter, rule, 200, "replica");
        }
        // A server without changes is not behind, however old its last one is.
        standby.wait_for("select pg_last_wal_replay_lsn() = pg_last_wal_receive_lsn()", "t");
        wait_for_rule(&exporter, "0B", 200, "replica");
        assert_eq!(answer(&exporter, "/replica?lag=10").0, 400);
        assert_eq!(
            answer(&exporter, "/primary?lag=0s"),
            (404, "replica".into()),
            "no rule for primaries"
        );
    }
}

#[test]
fn a_standby_with_paused_replay_meets_none() {
    for primary in primaries() {
        let standby = primary.standby();
        let exporter = replica(&standby);
        standby.psql("select pg_wal_replay_pause()");
        wait_for_rule(&exporter, "1h", 503, "replay is paused");
        wait_for_rule(&exporter, "1GB", 503, "replay is paused");
        assert_eq!(
            answer(&exporter, "/replica"),
            (200, "replica".into()),
            "without a rule it does not matter"
        );
        standby.psql("select pg_wal_replay_resume()");
        wait_for_rule(&exporter, "1h", 200, "replica");
    }
}

#[test]
fn a_standby_that_lags_by_bytes_and_by_time() {
    let primary = cluster();
    let standby = primary.standby();
    let exporter = replica(&standby);
    primary.psql("create table replayed()");
    standby.wait_for("select count(*) from pg_class where relname = 'replayed'", "1");
    standby.set("recovery_min_apply_delay", "1h");
    standby.reload();
    standby.wait_for("show recovery_min_apply_delay", "1h");
    // The delay holds commits back, and so all that follows the first one.
    primary.psql("create table t(n int)");
    primary.psql("insert into t select generate_series(1, 100000)");
    wait_for_rule(&exporter, "1MB", 503, "bytes behind, allowed are 1048576 bytes");
    wait_for_rule(&exporter, "1GB", 200, "replica");
    wait_for_rule(&exporter, "1s", 503, "s behind, allowed is 1 s");
    wait_for_rule(&exporter, "1h", 200, "replica");
    wait_for_rule(&exporter, "1h&lag=1MB", 503, "bytes behind");
    standby.set("recovery_min_apply_delay", "0");
    standby.reload();
    wait_for_rule(&exporter, "1MB&lag=10s", 200, "replica");
}

#[test]
fn a_standby_without_its_receiver_does_not_know_its_lag() {
    for primary in primaries() {
        let standby = primary.standby();
        let exporter = replica(&standby);
        wait_for_rule(&exporter, "1GB", 200, "replica");
        primary.stop();
        wait_for_rule(&exporter, "1GB", 503, "lag in bytes is not known");
        wait_for_rule(&exporter, "1h", 503, "lag in time is not known");
        assert_eq!(answer(&exporter, "/replica"), (200, "replica".into()));
        primary.start_again();
        wait_for_rule(&exporter, "1GB", 200, "replica");
    }
}

/// Connected, but nothing comes: what the receiver knows of the primary is old.
#[test]
fn a_receiver_that_hears_nothing_does_not_know_the_lag() {
    let primary = cluster();
    let standby = primary.standby();
    standby.set("wal_receiver_timeout", "20s");
    standby.reload();
    standby.wait_for("show wal_receiver_timeout", "20s");
    let exporter = replica(&standby);
    wait_for_rule(&exporter, "1h", 200, "replica");
    // Longer than the receiver waits before it asks for a sign of life: a primary without changes is heard of.
    thread::sleep(Duration::from_secs(12));
    for rule in ["1h", "1GB"] {
        assert_eq!(
            answer(&exporter, &format!("/replica?lag={rule}")).0,
            200,
            "an idle primary"
        );
    }
    let sender = primary
        .psql("select pid from pg_stat_replication")
        .parse()
        .unwrap();
    signal(sender, Signal::STOP).unwrap();
    wait_for_rule(&exporter, "1h", 503, "not known");
    wait_for_rule(&exporter, "1GB", 503, "not known");
    let connected = standby.psql("select status from pg_stat_wal_receiver");
    assert_eq!(
        connected, "streaming",
        "it is not the receiver's end that was noticed"
    );
    signal(sender, Signal::CONT).unwrap();
    wait_for_rule(&exporter, "1h", 200, "replica");
}

/// What stands in the place of a function of replay, and never answers.
const HANGS: [(&str, &str, &str); 5] = [
    ("pg_last_wal_receive_lsn", "pg_lsn", "perform pg_sleep(30);"),
    ("pg_is_wal_replay_paused", "bool", "loop end loop;"),
    (
        "pg_last_wal_replay_lsn",
        "pg_lsn",
        "perform pg_advisory_lock(4711);",
    ),
    (
        "pg_last_xact_replay_timestamp",
        "timestamptz",
        // It cannot be cancelled.
        "loop begin perform pg_sleep(30); exception when query_canceled then end; end loop;",
    ),
    (
        "pg_last_wal_receive_lsn",
        "pg_lsn",
        "for i in 1..300 loop raise warning 'on and on'; \
      perform pg_sleep(0.1); end loop;",
    ),
];

#[test]
fn a_function_of_replay_that_hangs_does_not_keep_the_role() {
    let primary = cluster();
    primary.set("allow_system_table_mods", "on");
    primary.restart();
    primary.psql("create role lagging login; grant pg_monitor to lagging");
    let standby = primary.standby();
    let mut holder = standby.session("postgres");
    holder.exec("select pg_advisory_lock(4711)");
    let replace = |(name, kind, body): (&str, &str, &str)| {
        primary.psql(&format!(
            "alter function pg_catalog.{name}() rename to {name}_of_postgres; \
             create function pg_catalog.{name}() returns {kind} language plpgsql as $$ begin {body} return null; end $$"
        ));
        let is_there = format!("select count(*) from pg_proc where proname = '{name}_of_postgres'");
        standby.wait_for(&is_there, "1");
    };
    let restore = |name: &str| {
        primary.psql(&format!(
            "drop function pg_catalog.{name}(); alter function pg_catalog.{name}_of_postgres() rename to {name}"
        ));
        let is_there = format!("select count(*) from pg_proc where proname = '{name}_of_postgres'");
        standby.wait_for(&is_there, "0");
        // What was prepared knows the function that is gone.
        standby.psql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'lagging'");
    };
    let hangs = |what: &str| {
        let exporter = replica(&standby);
        assert_stays(&exporter, State::Replica, Duration::from_secs(8));
        let (status, told) = answer(&exporter, "/replica?lag=1h");
        eprintln!("{what}: {status} {told}");
        let backends = count(&standby, "true");
        assert!(backends <= 3, "{what}: {backends} backends");
        exporter
    };
    for case @ (name, _, body) in HANGS {
        replace(case);
        let exporter = hangs(body);
        restore(name);
        wait_for_rule(&exporter, "1h", 200, "replica");
    }
    // All of them.
    let all = &HANGS[..4];
    all.iter().for_each(|case| replace(*case));
    let exporter = hangs("all");
    all.iter().for_each(|(name, ..)| restore(name));
    wait_for_rule(&exporter, "1h", 200, "replica");
}

#[test]
fn a_cascading_standby() {
    for primary in primaries() {
        let first = primary.standby();
        let second = first.standby();
        let exporter = replica(&second);
        wait_for_rule(&exporter, "10s&lag=1MB", 200, "replica");
        first.stop();
        wait_for_rule(&exporter, "10s", 503, "not known");
        first.start_again();
        wait_for_rule(&exporter, "10s", 200, "replica");
    }
}

#[test]
fn a_primary_has_no_lag() {
    let primary = cluster();
    let exporter = builder(&primary.url("postgres")).start();
    wait_for_state(&exporter, State::Primary, HEALTH_LIMIT + Duration::from_secs(1));
    assert_eq!(answer(&exporter, "/read?lag=0B"), (200, "primary".into()));
    assert_eq!(answer(&exporter, "/readiness?lag=0s"), (200, "primary".into()));
}
