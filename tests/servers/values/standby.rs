//! A standby that stops to replay, and one that is promoted.

use pg_exporter_lab::{Cluster, wait_until};

use super::{some_majors, watch};
use crate::agree::{Check, agree};
use crate::layer::Layer;
use crate::support::{PATIENCE, value};

#[test]
fn a_paused_standby_falls_behind_and_catches_up() {
    for major in some_majors(&[10, 14, 18]) {
        let primary = Cluster::start(major);
        let standby = primary.standby();
        primary.psql("create table t (n int)");
        standby.wait_for("select count(*) from pg_class where relname = 't'", "1");
        let exporter = watch(&standby, "postgres", &Layer::patient(&[]));
        let up_to_date = |page: &pg_exporter_lab::Page| value(page, "pg_lag", &[]) == 0.0;
        wait_until("nothing waits", PATIENCE, || up_to_date(&exporter.scrape()));
        let page = exporter.scrape();
        assert_eq!(value(&page, "pg_is_wal_replay_paused", &[]), 0.0);
        assert_eq!(value(&page, "pg_is_in_recovery", &[]), 1.0);
        assert!(value(&page, "pg_flush_lsn", &[]).is_nan());

        standby.psql("select pg_wal_replay_pause()");
        if major >= 14 {
            standby.wait_for("select pg_get_wal_replay_pause_state() <> 'not paused'", "t");
        }
        primary.psql("insert into t select generate_series(1, 10000)");
        let received = "select pg_last_wal_receive_lsn() - '0/0' >= ";
        let position = primary.psql("select pg_current_wal_lsn() - '0/0'");
        standby.wait_for(&format!("{received}{position}"), "t");
        let page = exporter.scrape();
        assert_eq!(value(&page, "pg_is_wal_replay_paused", &[]), 1.0);
        let missing = value(&page, "pg_receive_lsn", &[]) - value(&page, "pg_replay_lsn", &[]);
        assert!(missing > 500_000.0, "{missing}");
        assert!(value(&page, "pg_lag", &[]) > 0.0);
        assert!(value(&page, "pg_replication_lag_bytes", &[]) >= missing);
        let behind = "select extract(epoch from now() - pg_last_xact_replay_timestamp())";
        let checks = [
            Check::new("pg_lag", behind).within(3.0),
            Check::new(
                "pg_last_replay_time",
                "select extract(epoch from pg_last_xact_replay_timestamp())",
            ),
            Check::new("pg_lsn", "select pg_last_wal_replay_lsn() - '0/0'"),
        ];
        agree(&exporter, &standby, "postgres", &checks);
        let sender = watch(&primary, "postgres", &Layer::patient(&[])).scrape();
        let behind = |name: &str| value(&sender, &format!("pg_repl_{name}_diff"), &[]);
        assert!(behind("replay") >= missing && behind("flush") < missing && behind("sent") < missing);

        standby.psql("select pg_wal_replay_resume()");
        wait_until("nothing waits", PATIENCE, || up_to_date(&exporter.scrape()));
        promote(&standby, &exporter);
    }
}

/// What is for replicas only goes, what is for primaries only comes.
fn promote(standby: &Cluster, exporter: &pg_exporter_lab::Exporter) {
    assert!(exporter.scrape().value("pg_recv_pid", &[]).is_some());
    standby.promote();
    let page = exporter.scrape();
    assert_eq!(value(&page, "pg_in_recovery", &[]), 0.0);
    assert_eq!(value(&page, "pg_is_in_recovery", &[]), 0.0);
    assert_eq!(value(&page, "pg_lag", &[]), 0.0);
    for gone in [
        "pg_recv_pid",
        "pg_recovery_min_lsn",
        "pg_db_confl_confl_lock",
        "pg_replication_lag_bytes",
    ] {
        assert_eq!(page.all(gone).count(), 0, "{gone} is for replicas");
    }
    assert!(!value(&page, "pg_flush_lsn", &[]).is_nan());
    exporter.wait_for_status("/primary", 200, PATIENCE);
}

/// Without a receiver nobody knows how far the sender is: there is no lag then, not one of 0.
#[test]
fn without_a_receiver_there_is_no_lag() {
    for major in some_majors(&[10, 14, 18]) {
        let primary = Cluster::start(major);
        let standby = primary.standby();
        let exporter = watch(&standby, "postgres", &Layer::patient(&[]));
        let lags =
            ["bytes", "seconds", "message_age_seconds"].map(|name| format!("pg_replication_lag_{name}"));
        let known =
            |page: &pg_exporter_lab::Page| lags.iter().filter(|name| page.all(name).count() == 1).count();
        let streaming = "select status from pg_stat_wal_receiver";
        standby.wait_for(streaming, "streaming");
        let page = exporter.scrape();
        assert_eq!(known(&page), 3, "{:?}", page.samples);
        assert_eq!(value(&page, "pg_replication_lag_bytes", &[]), 0.0);
        assert_eq!(
            value(&page, "pg_replication_lag_seconds", &[]),
            0.0,
            "an idle primary is no lag"
        );

        primary.stop();
        standby.wait_for(
            "select count(*) from pg_stat_wal_receiver where status = 'streaming'",
            "0",
        );
        wait_until("no receiver runs", PATIENCE, || known(&exporter.scrape()) == 0);
        assert_eq!(value(&exporter.scrape(), "pg_in_recovery", &[]), 1.0);

        primary.start_again();
        standby.wait_for(streaming, "streaming");
        assert_eq!(known(&exporter.scrape()), 3);
    }
}

/// A transaction on the standby holds a table that the primary drops.
#[test]
fn a_conflict_of_recovery_is_counted() {
    for major in some_majors(&[10, 16]) {
        let primary = Cluster::start(major);
        primary.psql("create table doomed (n int)");
        let standby = Cluster::builder(major)
            .set("max_standby_streaming_delay", "10ms")
            .start_standby_of(&primary);
        standby.wait_for("select count(*) from pg_class where relname = 'doomed'", "1");
        let exporter = watch(&standby, "postgres", &Layer::patient(&[]));
        let conflicts = |name: &str| {
            value(
                &exporter.scrape(),
                &format!("pg_db_confl_confl_{name}"),
                &[("datname", "postgres")],
            )
        };
        assert_eq!(conflicts("lock"), 0.0);
        let mut session = standby.session("postgres");
        session.exec("begin");
        session.exec("select count(*) from doomed");
        primary.psql("drop table doomed");
        wait_until("the conflict is counted", PATIENCE, || conflicts("lock") == 1.0);
        assert_eq!(conflicts("snapshot"), 0.0);
        assert!(value(&exporter.scrape(), "pg_db_conflicts", &[("datname", "postgres")]) >= 1.0);
    }
}
