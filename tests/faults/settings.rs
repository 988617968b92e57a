//! What the owner of a database, or whoever may alter a role, sets for its sessions: ours are as they must be.

use pg_exporter_lab::{Cluster, Pgbouncer, newest_major, wait_until};

use crate::support::{Layer, SOON, State, assert_reason, builder, page_within, wait_for, wait_for_state};

/// A collector that fails, and one that comes after all others.
const SITE: &str = "\
broken: { query: SELECT 1 / 0 AS none, tags: [cluster], priority: 1, metrics: [ { none: { usage: GAUGE, description: None. } } ] }
last: { query: SELECT 7 AS seven, tags: [cluster], priority: 2000, metrics: [ { seven: { usage: GAUGE, description: Seven. } } ] }
";

pub(crate) fn assert_whole(url: &str, what: &str) {
    let layer = Layer::new(SITE);
    let exporter = builder(url)
        .args(["-T=5s".into(), "--disable-cache".into(), layer.flag()])
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    // On a busy machine a statement may be late on a page or two; the one of pg_meta_info has backslashes.
    wait_for(&exporter, what, |page| {
        page.value("pg_up", &[]) == Some(1.0)
            && page.value("last_seven", &[]) == Some(7.0)
            && page.all("pg_meta_info").count() == 1
    });
    let (page, _) = page_within(&exporter, 20.0);
    let failures = page.all("pg_exporter_query_failures_total");
    let failed: Vec<_> = failures
        .filter(|sample| sample.value > 0.0 && sample.label("query") != Some("broken"))
        .filter(|sample| ["cast", "connection"].map(Some).contains(&sample.label("reason")))
        .collect();
    assert!(failed.is_empty(), "{what}: {failed:?}\n{}", exporter.stderr());
}

/// A standby refuses every statement of a serializable transaction.
#[test]
fn a_standby_of_serializable_transactions_answers() {
    let cluster = Cluster::start(newest_major());
    cluster.psql("create role mon login; grant pg_monitor to mon");
    let standby = cluster.standby();
    for setting in [
        "alter database postgres set default_transaction_isolation = serializable",
        "alter role mon set default_transaction_isolation = serializable",
        "alter role mon in database postgres set default_transaction_isolation = serializable",
    ] {
        cluster.psql("alter database postgres reset all; alter role mon reset all");
        cluster.psql(setting);
        cluster.wait_for(
            "select count(*) from pg_stat_replication where replay_lsn >= pg_current_wal_lsn()",
            "1",
        );
        let url = standby.url("postgres").replace("postgres@", "mon@");
        let exporter = builder(&url).args(["-T=5s"]).start();
        wait_for_state(&exporter, State::Replica, SOON);
        let (page, _) = page_within(&exporter, 20.0);
        assert_eq!(
            page.value("pg_up", &[]),
            Some(1.0),
            "{setting}: {}",
            exporter.stderr()
        );
    }
}

/// Through a pooler no session of ours begins with a setting: each transaction brings its own.
#[test]
fn a_standby_of_serializable_transactions_answers_through_a_pooler() {
    let cluster = Cluster::start(newest_major());
    let standby = cluster.standby();
    for setting in [
        "alter database postgres set default_transaction_isolation = serializable",
        "alter role postgres set default_transaction_isolation = serializable",
    ] {
        cluster.psql("alter database postgres reset all; alter role postgres reset all");
        cluster.psql(setting);
        cluster.wait_for(
            "select count(*) from pg_stat_replication where replay_lsn >= pg_current_wal_lsn()",
            "1",
        );
        // The last one takes our settings at the start, and does nothing with them.
        for lines in [
            "pool_mode = transaction",
            "pool_mode = session",
            "ignore_startup_parameters = extra_float_digits,options",
        ] {
            let pooler = Pgbouncer::start_with(&standby, lines);
            let what = format!("{setting}, {lines}");
            let layer = Layer::new(SITE);
            let exporter = builder(&pooler.url("postgres"))
                .args(["-T=5s".into(), "--disable-cache".into(), layer.flag()])
                .start();
            wait_for_state(&exporter, State::Replica, SOON);
            for _ in 0..2 {
                let (page, _) = page_within(&exporter, 20.0);
                let log = exporter.stderr();
                assert_eq!(page.value("pg_up", &[]), Some(1.0), "{what}: {log}");
                assert_eq!(page.value("last_seven", &[]), Some(7.0), "{what}: {log}");
                assert!(page.all("pg_relkind_count").count() > 0, "{what}: {log}");
            }
            let stat = exporter.get("/stat").text();
            assert!(!stat.contains("serializable mode"), "{what}: {stat}");
            wait_until("the lag is told", SOON, || {
                exporter.get("/replica?lag=1h").status == 200
            });
        }
    }
}

/// Where each message is a transaction of its own, nothing can be sent in front of a statement with parameters.
#[test]
fn a_standby_of_serializable_transactions_behind_a_pooler_of_statements_is_down() {
    let cluster = Cluster::start(newest_major());
    let standby = cluster.standby();
    cluster.psql("alter database postgres set default_transaction_isolation = serializable");
    cluster.wait_for(
        "select count(*) from pg_stat_replication where replay_lsn >= pg_current_wal_lsn()",
        "1",
    );
    let pooler = Pgbouncer::start_with(&standby, "pool_mode = statement");
    let exporter = builder(&pooler.url("postgres")).arg("-T=5s").start();
    wait_for_state(&exporter, State::Down, SOON);
    assert_reason(&exporter, "serializable mode");
}

/// Serializable and deferrable together, a reader waits for whoever writes.
#[test]
fn a_writer_keeps_no_deferrable_session_waiting() {
    let cluster = Cluster::start(newest_major());
    cluster.psql(
        "create table shop (n int); alter database postgres set default_transaction_isolation = serializable; \
         alter database postgres set default_transaction_deferrable = on",
    );
    let mut writer = cluster.session("postgres");
    writer.exec("begin isolation level serializable read write not deferrable");
    writer.exec("insert into shop select count(*) from shop");
    assert_whole(&cluster.url("postgres"), "beside a writer");
    writer.exec("commit");
}

#[test]
fn backslashes_mean_the_same_through_a_pooler() {
    let cluster = Cluster::start(newest_major());
    cluster.psql("alter database postgres set standard_conforming_strings = off");
    let pooler = Pgbouncer::start(&cluster);
    assert_whole(&pooler.url("postgres"), "through a pooler");
}
