//! Locks that others hold.

use pg_exporter_lab::Page;

use crate::support::{
    HEALTH_LIMIT, SOON, State, answer, assert_recovers, builder, cluster, count, exporter_of, page_within,
    wait_for, wait_for_state,
};
use crate::views::{assert_quiet, while_primary};

#[test]
fn the_catalog_of_all_tables_is_locked() {
    let cluster = cluster();
    let exporter = builder(&cluster.url("postgres")).arg("--disable-cache").start();
    let counts = |page: &Page| page.all("pg_relkind_count").count();
    wait_for(&exporter, "counts of relations", |page| counts(page) > 0);
    let mut holder = cluster.session("postgres");
    holder.exec("begin; lock table pg_catalog.pg_class in access exclusive mode");
    // What needs no look into it may answer still; what does has its own limit, all together the client's.
    for _ in 0..3 {
        // What the probe asks needs no catalog.
        let (page, _) = while_primary(&exporter, || page_within(&exporter, 2.0));
        assert_eq!(page.value("pg_exporter_up", &[]), Some(1.0));
        assert_eq!(counts(&page), 0, "nobody can read this now");
    }
    assert_eq!(answer(&exporter, "/liveness").0, 200);
    holder.exec("commit");
    assert_recovers(&exporter, State::Primary);
    wait_for(&exporter, "counts of relations again", |page| counts(page) > 0);
    assert_quiet(&cluster);
}

#[test]
fn a_locked_table_does_not_blind_the_database() {
    let cluster = cluster();
    cluster.psql("create table locked(n int); create table free(n int); insert into free values (1)");
    let mut holder = cluster.session("postgres");
    holder.exec("begin; lock table locked in access exclusive mode");
    let exporter = exporter_of(&cluster.url("postgres"));
    let (page, _) = page_within(&exporter, 5.0);
    let sizes = |table: &str| {
        page.all("pg_table_size_bytes")
            .any(|sample| sample.label("relname").is_some_and(|name| name.ends_with(table)))
    };
    assert!(sizes("free"), "the others are measured");
    assert!(!sizes("locked"), "nobody can measure this one now");
    assert_eq!(count(&cluster, "wait_event_type = 'Lock'"), 0);
    holder.exec("rollback");
}

/// A lock that is only asked for blocks readers as well: everything queues behind it.
#[test]
fn statements_queue_behind_a_waiting_lock() {
    let cluster = cluster();
    cluster.psql("create table busy(n int)");
    let exporter = exporter_of(&cluster.url("postgres"));
    let (mut reader, mut waiter) = (cluster.session("postgres"), cluster.session("postgres"));
    reader.exec("begin; select count(*) from busy");
    waiter.send("begin; lock table busy in access exclusive mode");
    cluster.wait_for("select count(*) from pg_locks where not granted", "1");
    for _ in 0..3 {
        let (page, took) = page_within(&exporter, 5.0);
        assert_eq!(page.value("pg_up", &[]), Some(1.0));
        assert!(took < HEALTH_LIMIT, "{took:?}");
    }
    assert_eq!(
        count(&cluster, "wait_event_type = 'Lock'"),
        0,
        "nothing of ours waits in the queue"
    );
    reader.exec("commit");
    wait_for_state(&exporter, State::Primary, SOON);
}
