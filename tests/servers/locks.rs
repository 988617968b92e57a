//! An exclusive lock costs the locked table's size and nothing else.

use std::time::Instant;

use pg_exporter_lab::Cluster;

use crate::support::{assert_healthy, exporter, value};

/// The shipped collectors with their own limits, as an operator runs them.
#[test]
fn a_table_locked_exclusively_costs_its_size_only() {
    for major in pg_exporter_lab::majors()
        .into_iter()
        .filter(|major| [10, 14, 18].contains(major))
    {
        let cluster = Cluster::start(major);
        cluster.psql(
            "create table held (id serial primary key, note text);
             create table free as select generate_series(1, 100) as n;
             create publication listed for table held; create publication everything for all tables",
        );
        let exporter = exporter(&cluster.url("postgres"))
            .args(["--disable-cache"])
            .start();
        let page = exporter.scrape();
        let (held, free) = ([("relname", "public.held")], [("relname", "public.free")]);
        assert!(page.value("pg_table_size_bytes", &held).is_some());
        assert_eq!(value(&page, "pg_table_size_skipped_relations", &[]), 0.0);

        let mut holder = cluster.session("postgres");
        holder.exec("begin");
        holder.exec("lock table held");
        let began = Instant::now();
        let page = exporter.scrape();
        let took = began.elapsed();
        println!("PostgreSQL {major}: a page in {took:?} while a table is locked");
        assert!(took.as_secs_f64() < 5.0, "{took:?}");
        assert_healthy(&exporter, &page);
        assert_eq!(page.value("pg_table_size_bytes", &held), None);
        assert!(value(&page, "pg_table_size_bytes", &free) > 0.0);
        assert_eq!(value(&page, "pg_table_size_skipped_relations", &[]), 1.0);
        assert!(
            page.value("pg_table_n_live_tup", &held).is_some(),
            "its counters are still there"
        );

        holder.exec("rollback");
        let page = exporter.scrape();
        assert!(page.value("pg_table_size_bytes", &held).is_some());
        assert_eq!(value(&page, "pg_table_size_skipped_relations", &[]), 0.0);
    }
}

/// A lock that is only waited for blocks others just as well.
#[test]
fn a_lock_that_is_waited_for_counts_too() {
    let cluster = Cluster::start(pg_exporter_lab::newest_major());
    cluster.psql("create table held (n int); create index held_n on held (n)");
    let exporter = exporter(&cluster.url("postgres"))
        .args(["--disable-cache"])
        .start();
    let (mut reader, mut waiter) = (cluster.session("postgres"), cluster.session("postgres"));
    reader.exec("begin");
    reader.exec("select count(*) from held");
    waiter.send("drop index held_n");
    cluster.wait_for(
        "select count(*) from pg_locks where mode = 'AccessExclusiveLock' and not granted",
        "1",
    );
    let page = exporter.scrape();
    assert_healthy(&exporter, &page);
    assert_eq!(value(&page, "pg_table_size_skipped_relations", &[]), 1.0);
    assert_eq!(
        page.value("pg_table_size_bytes", &[("relname", "public.held")]),
        None
    );
    reader.exec("commit");
    waiter.answer().unwrap();
    assert_eq!(
        value(&exporter.scrape(), "pg_table_size_skipped_relations", &[]),
        0.0
    );
}
