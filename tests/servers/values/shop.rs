//! A database with tables, indexes, functions, sequences and partitions.

use pg_exporter_lab::{Cluster, shared, wait_until};

use crate::support::PATIENCE;

const OBJECTS: &str = "
    create schema \"Shop floor\";
    create table \"Shop floor\".\"Parts\" (id serial primary key, name text, note text);
    create index parts_name on \"Shop floor\".\"Parts\" (name);
    insert into \"Shop floor\".\"Parts\" (name, note)
        select 'part ' || n, repeat('x', n) from generate_series(1, 1000) n;
    insert into \"Shop floor\".\"Parts\" (name, note)
        select 'big', string_agg(md5(n::text), '') from generate_series(1, 2000) n;
    update \"Shop floor\".\"Parts\" set note = 'changed' where id <= 100;
    delete from \"Shop floor\".\"Parts\" where id > 950 and name <> 'big';
    create table bare as select n from generate_series(1, 50) n;
    create unlogged table fleeting as select n from generate_series(1, 10) n;
    create materialized view summary as select count(*) from bare;
    create view looked_at as select 1 as one;
    create sequence unused;
    create sequence counted;
    select nextval('counted') from generate_series(1, 5);
    create function slow(i int) returns int language plpgsql as 'begin perform pg_sleep(0.01); return i; end';
    create function slow(t text) returns int language plpgsql as 'begin perform slow(1); return 2; end';
    select slow(7), slow('seven');
    select count(*) from bare; select count(*) from bare;
    set enable_seqscan = off;
    select count(*) from (select name from \"Shop floor\".\"Parts\" where name = 'part 7') x;
    select id from \"Shop floor\".\"Parts\" where id = 7;
    reset enable_seqscan;
    ";

pub const PARTITIONS: &str = "
    create table \"Shop floor\".\"Days\" (at date) partition by range (at);
    create table \"Shop floor\".\"Days 2024\" partition of \"Shop floor\".\"Days\" for values from ('2024-01-01') to ('2025-01-01');
    create table \"Shop floor\".\"Other Days\" partition of \"Shop floor\".\"Days\" default;
    insert into \"Shop floor\".\"Days\" select '2023-01-01'::date + n from generate_series(1, 12) n;
    analyze \"Shop floor\".\"Other Days\";
    create publication listed for table bare, \"Shop floor\".\"Parts\";
    create publication partitions for table \"Shop floor\".\"Days 2024\", \"Shop floor\".\"Other Days\";
    create publication everything for all tables;";

/// A database with all of that, whose statistics no longer change.
pub fn database(major: u32, name: &str) -> &'static Cluster {
    let cluster = shared(major);
    cluster.create_database(name);
    // Autovacuum would count itself in.
    cluster.set("autovacuum", "off");
    cluster.reload();
    cluster.wait_for("show autovacuum", "off");
    cluster.psql_in(name, OBJECTS);
    let arrived = |sql: &str, expected: &str| {
        wait_until("statistics have arrived", PATIENCE, || {
            cluster.psql_in(name, sql) == expected
        });
    };
    // Below 15 what a session counted may arrive after what its ANALYZE found, and be added to it.
    let parts = "from pg_stat_user_tables where relname = 'Parts'";
    arrived(
        &format!("select n_tup_ins, n_tup_upd, n_tup_del, idx_scan > 0 {parts}"),
        "1001|100|50|t",
    );
    cluster.psql_in(name, "analyze; analyze; vacuum \"Shop floor\".\"Parts\"");
    arrived(&format!("select vacuum_count, analyze_count {parts}"), "1|2");
    cluster
}
