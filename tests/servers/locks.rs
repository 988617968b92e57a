//! An exclusive lock costs what is read of the locked relation and nothing else.

use std::time::Instant;

use pg_exporter_lab::{Cluster, Exporter, majors_among, newest_major};

use crate::layer::Layer;
use crate::support::{assert_healthy, exporter, label_values, value};

/// The shipped collectors with their own limits, as an operator runs them.
#[test]
fn a_table_locked_exclusively_costs_its_size_only() {
    for major in majors_among(&[10, 14, 18]) {
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
    let cluster = Cluster::start(newest_major());
    cluster.psql("create table held (n int); create index held_n on held (n)");
    let exporter = exporter(&cluster.url("postgres"))
        .args(["--disable-cache"])
        .start();
    let (mut reader, mut waiter) = (cluster.session("postgres"), cluster.session("postgres"));
    reader.exec("begin");
    reader.exec("select count(*) from held");
    waiter.send("drop index held_n");
    wait_for_waiter(&cluster);
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

/// From 16 on the server's own list of a publication's tables opens them.
#[test]
fn a_publication_of_a_locked_table_is_counted_all_the_same() {
    for major in majors_among(&[10, 15, 16, 18]) {
        let cluster = Cluster::start(major);
        cluster.psql(
            "create table held (id int primary key); create table free (id int primary key);
             create publication of_held for table held; create publication of_free for table free;
             create publication of_both for table held, free; create publication of_all for all tables",
        );
        let exporter = uncached(&cluster, &[]);
        let published = |exporter: &Exporter| {
            let page = exporter.scrape();
            assert_healthy(exporter, &page);
            label_values(&page, "pg_pubrel_count", "pubname")
        };
        let all = ["of_all", "of_both", "of_free", "of_held"];
        assert_eq!(published(&exporter), all);

        let mut holder = cluster.session("postgres");
        holder.exec("begin");
        holder.exec("lock table held");
        assert_eq!(published(&exporter), all, "held, PostgreSQL {major}");
        let mut waiter = cluster.session("postgres");
        waiter.exec("begin");
        waiter.send("lock table held");
        wait_for_waiter(&cluster);
        assert_eq!(published(&exporter), all, "waited for, PostgreSQL {major}");
    }
}

#[test]
fn a_publication_of_a_locked_partition_is_counted_all_the_same() {
    let cluster = Cluster::start(newest_major());
    cluster.psql(
        "create table parent (id int primary key) partition by list (id);
         create table child partition of parent for values in (1); create table free (id int primary key);
         create publication of_parent for table parent; create publication of_free for table free",
    );
    let exporter = uncached(&cluster, &[]);
    let mut holder = cluster.session("postgres");
    holder.exec("begin");
    holder.exec("lock table child");
    let page = exporter.scrape();
    assert_healthy(&exporter, &page);
    for name in ["of_parent", "of_free"] {
        assert_eq!(
            page.value("pg_pubrel_count", &[("pubname", name)]),
            Some(1.0),
            "{name}"
        );
    }
}

/// Reading a sequence waits behind ALTER SEQUENCE, which locks it SHARE ROW EXCLUSIVE, and behind all that is stronger.
#[test]
fn a_locked_sequence_costs_its_value_only() {
    for major in majors_among(&[10, 14, 18]) {
        let cluster = Cluster::start(major);
        cluster.psql(
            "create sequence held maxvalue 10; create sequence free maxvalue 10; select setval('held', 9), setval('free', 8)",
        );
        let exporter = uncached(&cluster, &["pg_seq_end"]);
        let mut holder = cluster.session("postgres");
        for statement in [
            "alter sequence held cache 2",
            "alter sequence held rename to kept",
            "drop sequence held",
        ] {
            holder.exec("begin");
            holder.exec(statement);
            let page = exporter.scrape();
            assert_healthy(&exporter, &page);
            let last = |name| value(&page, "pg_seq_last_value", &[("seqname", name)]);
            assert!(last("public.held").is_nan(), "{statement}");
            assert_eq!(last("public.free"), 8.0);
            assert_eq!(
                label_values(&page, "pg_seq_end_used_ratio", "seqname"),
                ["public.free"]
            );
            holder.exec("rollback");
        }
        let page = exporter.scrape();
        assert_eq!(
            value(&page, "pg_seq_last_value", &[("seqname", "public.held")]),
            9.0
        );
        assert_eq!(page.all("pg_seq_end_used_ratio").count(), 2);
    }
}

/// An index of a table's TOAST table is part of it too, and measured with it.
#[test]
fn a_lock_on_any_part_leaves_the_table_out() {
    let cluster = Cluster::start(newest_major());
    cluster.psql(
        "create unlogged table held (id int primary key, note text); insert into held values (1, 'x');
         create unlogged table free (id int primary key); insert into free values (1)",
    );
    let toast_index = cluster.psql(
        "select indexrelid::regclass from pg_index
         where indrelid = (select reltoastrelid from pg_class where relname = 'held')",
    );
    let exporter = uncached(&cluster, &["pg_persistence"]);
    let free = value(
        &exporter.scrape(),
        "pg_table_size_bytes",
        &[("relname", "public.free")],
    );
    let mut holder = cluster.session("postgres");
    for statement in [
        "lock table held".to_owned(),
        "reindex index held_pkey".to_owned(),
        format!("reindex index {toast_index}"),
    ] {
        holder.exec("begin");
        holder.exec(&statement);
        let page = exporter.scrape();
        assert_healthy(&exporter, &page);
        assert_eq!(
            label_values(&page, "pg_table_size_bytes", "relname"),
            ["public.free"],
            "{statement}"
        );
        assert_eq!(
            value(&page, "pg_table_size_skipped_relations", &[]),
            1.0,
            "{statement}"
        );
        let unlogged = |name| value(&page, name, &[("persistence", "unlogged")]);
        assert_eq!(unlogged("pg_persistence_bytes"), free, "{statement}");
        assert_eq!(unlogged("pg_persistence_skipped_tables"), 1.0, "{statement}");
        holder.exec("rollback");
    }
}

fn uncached(cluster: &Cluster, switched_on: &[&str]) -> Exporter {
    exporter(&cluster.url("postgres"))
        .args(["--disable-cache", "--config"])
        .arg(Layer::patient(switched_on).path())
        .start()
}

fn wait_for_waiter(cluster: &Cluster) {
    cluster.wait_for(
        "select count(*) from pg_locks where mode = 'AccessExclusiveLock' and not granted",
        "1",
    );
}
