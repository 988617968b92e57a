//! What alerts ask for: who blocks whom, what was forgotten, what is missing.

use pg_exporter_lab::{Cluster, wait_until};

use super::{some_majors, watch};
use crate::layer::Layer;
use crate::support::{PATIENCE, assert_healthy, value};

#[test]
fn blocked_sessions_their_wait_and_who_blocks_them() {
    for major in some_majors(&[10, 14, 18]) {
        let cluster = Cluster::start(major);
        cluster.create_database("shop");
        cluster.psql_in(
            "shop",
            "create table stock (id int primary key, n int); insert into stock values (1, 1)",
        );
        let exporter = watch(&cluster, "postgres", &Layer::patient(&[]));
        let shop = [("datname", "shop")];
        let page = exporter.scrape();
        assert_eq!(value(&page, "pg_blocked_sessions", &shop), 0.0);
        assert_eq!(value(&page, "pg_blocked_max_wait_seconds", &shop), 0.0);
        assert_eq!(page.all("pg_blocker_sessions").count(), 0);

        let mut sessions: Vec<_> = (0..3).map(|_| cluster.session("shop")).collect();
        let pids: Vec<_> = sessions
            .iter_mut()
            .map(|session| session.backend_pid().to_string())
            .collect();
        let update = "update stock set n = n + 1";
        sessions[0].exec("begin");
        sessions[0].exec(update);
        for session in &mut sessions[1..] {
            session.send(update);
        }
        cluster.wait_for(
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock'",
            "2",
        );
        cluster.psql("select pg_sleep(1.5)");
        let page = exporter.scrape();
        assert_healthy(&exporter, &page);
        assert_eq!(
            value(&page, "pg_blocked_sessions", &shop),
            2.0,
            "PostgreSQL {major}"
        );
        let waited = value(&page, "pg_blocked_max_wait_seconds", &shop);
        assert!((1.5..60.0).contains(&waited), "PostgreSQL {major}: {waited}");
        assert_eq!(
            value(&page, "pg_blocked_sessions", &[("datname", "postgres")]),
            0.0
        );
        // The first holds the row; the second waits for it and is before the third in the queue.
        let culprit = [
            ("datname", "shop"),
            ("pid", pids[0].as_str()),
            ("state", "idle in transaction"),
        ];
        assert!(value(&page, "pg_blocker_sessions", &culprit) >= 1.0);
        assert_eq!(value(&page, "pg_blocker_waits", &culprit), 0.0);
        assert!(value(&page, "pg_blocker_transaction_seconds", &culprit) >= 1.5);
        let roots = page
            .all("pg_blocker_waits")
            .filter(|sample| sample.value == 0.0)
            .count();
        assert_eq!(roots, 1, "PostgreSQL {major}: one is to blame");

        sessions[0].exec("rollback");
        for session in &mut sessions[1..] {
            session.answer().unwrap();
        }
        let page = exporter.scrape();
        assert_eq!(value(&page, "pg_blocked_sessions", &shop), 0.0);
        assert_eq!(page.all("pg_blocker_sessions").count(), 0);
    }
}

#[test]
fn prepared_transactions_by_age_and_what_they_block() {
    let cluster = Cluster::builder(some_majors(&[10, 15]).remove(0))
        .set("max_prepared_transactions", "5")
        .start();
    cluster.create_database("shop");
    cluster.psql_in(
        "shop",
        "create table stock (n int); begin; lock table stock; prepare transaction 'old';
         begin; select txid_current(); prepare transaction 'new'",
    );
    let mut waiter = cluster.session("shop");
    waiter.send("select * from stock");
    cluster.wait_for(
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock'",
        "1",
    );
    cluster.psql("select pg_sleep(1.2)");
    let page = watch(&cluster, "postgres", &Layer::patient(&[])).scrape();
    let shop = [("datname", "shop")];
    assert_eq!(value(&page, "pg_prepared_transactions", &shop), 2.0);
    assert!((1.2..60.0).contains(&value(&page, "pg_prepared_max_age_seconds", &shop)));
    let other = [("datname", "postgres")];
    assert_eq!(value(&page, "pg_prepared_transactions", &other), 0.0);
    assert_eq!(value(&page, "pg_prepared_max_age_seconds", &other), 0.0);
    let prepared = [("pid", "0"), ("state", "prepared transaction")];
    assert_eq!(value(&page, "pg_blocker_sessions", &prepared), 1.0);
    assert_eq!(value(&page, "pg_blocker_waits", &prepared), 0.0);
    assert!(value(&page, "pg_blocker_transaction_seconds", &prepared).is_nan());
}

/// What is not told is not 0.
#[test]
fn times_that_a_session_does_not_track_are_not_known() {
    for major in some_majors(&[10, 14, 18]) {
        let cluster = Cluster::start(major);
        let (mut open, mut untracked) = (cluster.session("postgres"), cluster.session("postgres"));
        open.exec("begin; select 1");
        untracked.exec("set track_activities = off; begin; select 1");
        let page = watch(&cluster, "postgres", &Layer::patient(&["pg_session"])).scrape();
        let group = |state| [("datname", "postgres"), ("state", state)];
        assert_eq!(value(&page, "pg_session_sessions", &group("disabled")), 1.0);
        for name in [
            "pg_session_max_state_seconds",
            "pg_session_max_transaction_seconds",
        ] {
            let found = value(&page, name, &group("disabled"));
            assert!(found.is_nan(), "PostgreSQL {major}: {name} is {found}");
            assert!(value(&page, name, &group("idle in transaction")) >= 0.0);
        }
    }
}

#[test]
fn tables_that_were_not_vacuumed_for_long() {
    for major in some_majors(&[10, 18]) {
        let cluster = Cluster::builder(major).set("autovacuum", "off").start();
        let exporter = watch(&cluster, "postgres", &Layer::patient(&[]));
        let labels = [("datname", "postgres")];
        assert!(
            value(
                &exporter.scrape(),
                "pg_vacuum_last_oldest_vacuum_seconds",
                &labels
            )
            .is_nan()
        );
        cluster.psql(
            "create table old as select 1 as i; create table young as select 1 as i; create table never as select 1 as i;
             create table empty (i int); vacuum analyze old",
        );
        cluster.psql("select pg_sleep(1.1)");
        cluster.psql("vacuum young");
        wait_until("the statistics are there", PATIENCE, || {
            let page = exporter.scrape();
            value(&page, "pg_vacuum_last_never_vacuumed_tables", &labels) == 1.0
                && value(&page, "pg_vacuum_last_never_analyzed_tables", &labels) == 2.0
                && value(&page, "pg_vacuum_last_oldest_vacuum_seconds", &labels) >= 1.1
                && value(&page, "pg_vacuum_last_oldest_analyze_seconds", &labels) >= 1.1
        });
    }
}

#[test]
fn changed_settings_change_the_hash() {
    for major in some_majors(&[10, 18]) {
        let cluster = Cluster::start(major);
        // The session keeps the hash with times, which are exact whatever an owner sets.
        cluster.psql("alter database postgres set extra_float_digits = -15");
        let exporter = watch(&cluster, "postgres", &Layer::patient(&[]));
        let hash = |name: &str| value(&exporter.scrape(), &format!("pg_settings_hash_{name}"), &[]);
        let before = [hash("server"), hash("roles")];
        assert_eq!([hash("server"), hash("roles")], before, "nothing has changed");
        cluster.psql("alter database postgres set work_mem = '5MB'");
        assert_eq!(hash("server"), before[0]);
        assert_ne!(hash("roles"), before[1]);
        cluster.psql("alter system set work_mem = '6MB'");
        cluster.psql("select pg_reload_conf()");
        wait_until("the hash changes", PATIENCE, || hash("server") != before[0]);
        let waiting = || value(&exporter.scrape(), "pg_pending_restart_settings", &[]);
        assert_eq!(waiting(), 0.0);
        cluster.psql("alter system set shared_buffers = '17MB'");
        cluster.psql("select pg_reload_conf()");
        wait_until("one waits for a restart", PATIENCE, || waiting() == 1.0);
        cluster.psql("alter system reset shared_buffers");
        cluster.psql("alter system reset work_mem");
        cluster.psql("select pg_reload_conf()");
        wait_until("the hash is that of before", PATIENCE, || {
            hash("server") == before[0]
        });
    }
}

#[test]
fn settings_that_thresholds_need() {
    for major in some_majors(&[10, 14, 18]) {
        let cluster = Cluster::builder(major)
            .set("superuser_reserved_connections", "4")
            .set("autovacuum_freeze_max_age", "150000000")
            .set("autovacuum_vacuum_scale_factor", "0.15")
            .set("max_standby_streaming_delay", "-1")
            .start();
        let page = watch(&cluster, "postgres", &Layer::patient(&[])).scrape();
        let setting = |name: &str| value(&page, &format!("pg_setting_{name}"), &[]);
        assert_eq!(setting("superuser_reserved_connections"), 4.0);
        assert_eq!(setting("autovacuum_freeze_max_age"), 150_000_000.0);
        assert_eq!(setting("autovacuum_multixact_freeze_max_age"), 400_000_000.0);
        assert_eq!(setting("autovacuum_vacuum_scale_factor"), 0.15);
        assert_eq!(setting("autovacuum_vacuum_threshold"), 50.0);
        assert_eq!(setting("max_standby_streaming_delay"), -1.0);
        assert_eq!(
            setting("wal_keep_size").is_nan(),
            major < 13,
            "PostgreSQL {major}"
        );
        assert_eq!(
            setting("reserved_connections").is_nan(),
            major < 16,
            "PostgreSQL {major}"
        );
        cluster.set("max_standby_streaming_delay", "90s");
        cluster.reload();
        cluster.wait_for("show max_standby_streaming_delay", "90s");
        let page = watch(&cluster, "postgres", &Layer::patient(&[])).scrape();
        assert_eq!(value(&page, "pg_setting_max_standby_streaming_delay", &[]), 90.0);
    }
}

#[test]
fn sessions_by_role_and_application() {
    let cluster = Cluster::start(some_majors(&[10, 16]).remove(0));
    cluster.psql("create role app_user login");
    let mut sessions: Vec<_> = (0..2).map(|_| cluster.session("postgres")).collect();
    for session in &mut sessions {
        session.exec("set session authorization app_user");
        session.exec("set application_name = 'web shop'");
    }
    sessions[1].exec("begin");
    sessions[1].exec("select 1");
    cluster.psql("select pg_sleep(1.1)");
    let page = watch(&cluster, "postgres", &Layer::patient(&["pg_session"])).scrape();
    let group = |state| {
        [
            ("datname", "postgres"),
            ("application", "web shop"),
            ("state", state),
        ]
    };
    assert_eq!(value(&page, "pg_session_sessions", &group("idle")), 1.0);
    assert_eq!(
        value(&page, "pg_session_max_transaction_seconds", &group("idle")),
        0.0
    );
    assert!(
        value(
            &page,
            "pg_session_max_transaction_seconds",
            &group("idle in transaction")
        ) >= 1.1
    );
    assert!(value(&page, "pg_session_max_state_seconds", &group("idle")) >= 1.1);
}

#[test]
fn a_standby_without_receiver_and_a_subscription_without_worker() {
    for major in some_majors(&[10, 18]) {
        let primary = Cluster::start(major);
        let standby = primary.standby();
        primary.psql("create table t (i int primary key); create publication p for table t");
        primary.create_database("copy");
        primary.psql("select pg_create_logical_replication_slot('s', 'pgoutput')");
        primary.psql_in(
            "copy",
            &format!(
                "create table t (i int primary key);
                 create subscription s connection 'host=127.0.0.1 port={} dbname=postgres user=postgres'
                 publication p with (create_slot = false, slot_name = 's')",
                primary.port()
            ),
        );
        let exporter = watch(&primary, "postgres", &Layer::patient(&[]));
        let worker = |what: &str| {
            value(
                &exporter.scrape(),
                &format!("pg_sub_worker_{what}"),
                &[("subname", "s")],
            )
        };
        wait_until("the worker runs", PATIENCE, || {
            worker("apply") == 1.0 && worker("sync") == 0.0
        });
        assert_eq!(worker("enabled"), 1.0);
        primary.psql_in("copy", "alter subscription s disable");
        wait_until("the worker ends", PATIENCE, || worker("apply") == 0.0);
        assert_eq!(worker("enabled"), 0.0);
        // Everything is flushed while nobody writes.
        wait_until("WAL is flushed", PATIENCE, || {
            value(&exporter.scrape(), "pg_wal_unflushed_bytes", &[]) == 0.0
        });

        let watcher = watch(&standby, "postgres", &Layer::patient(&[]));
        let running = || value(&watcher.scrape(), "pg_wal_receiver_running", &[]);
        wait_until("the receiver runs", PATIENCE, || running() == 1.0);
        primary.stop();
        wait_until("the receiver is gone", PATIENCE, || running() == 0.0);
    }
}

#[test]
fn wal_that_is_not_flushed() {
    let cluster = Cluster::builder(some_majors(&[10, 18]).remove(0))
        .set("wal_writer_delay", "10s")
        .set("wal_writer_flush_after", "0")
        .set("synchronous_commit", "off")
        .start();
    let exporter = watch(&cluster, "postgres", &Layer::patient(&[]));
    let mut session = cluster.session("postgres");
    session.exec("create table t (filler text)");
    wait_until("WAL waits to be flushed", PATIENCE, || {
        session.exec("insert into t select repeat('x', 100) from generate_series(1, 100)");
        value(&exporter.scrape(), "pg_wal_unflushed_bytes", &[]) > 1000.0
    });
}
