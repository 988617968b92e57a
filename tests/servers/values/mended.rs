//! Values that were wrong on some server once.

use std::fs::OpenOptions;
use std::io::Write as _;

use pg_exporter_lab::{Cluster, wait_until};

use super::{some_majors, watch};
use crate::layer::Layer;
use crate::support::{PATIENCE, assert_healthy, exporter, label_values, value};

/// After its restart a standby receives from the start of a segment, which is before what it has replayed.
#[test]
fn a_standby_that_was_restarted_beside_an_idle_primary_has_no_lag() {
    for major in some_majors(&[10, 15, 18]) {
        let primary = Cluster::builder(major).set("autovacuum", "off").start();
        let standby = primary.standby();
        primary.psql("create table t as select 1 as i; checkpoint");
        primary.psql("insert into t values (2)");
        standby.wait_for("select count(*) from t", "2");
        standby.restart();
        standby.wait_for("select status from pg_stat_wal_receiver", "streaming");
        standby.wait_for("select now() - pg_last_xact_replay_timestamp() > '2 s' or pg_last_xact_replay_timestamp() is null", "t");
        let page = watch(&standby, "postgres", &Layer::patient(&[])).scrape();
        assert_eq!(value(&page, "pg_lag", &[]), 0.0, "PostgreSQL {major}");
        assert_eq!(
            value(&page, "pg_replication_lag_seconds", &[]),
            0.0,
            "PostgreSQL {major}"
        );
    }
}

/// The control file has the new timeline only with the checkpoint that follows.
#[test]
fn a_promoted_server_is_on_its_new_timeline_at_once() {
    for major in some_majors(&[10, 18]) {
        let primary = Cluster::start(major);
        let standby = primary.standby();
        let exporter = watch(&standby, "postgres", &Layer::patient(&[]));
        assert_eq!(value(&exporter.scrape(), "pg_timeline_id", &[]), 1.0);
        standby.promote();
        standby.wait_for("select pg_is_in_recovery()", "f");
        assert_eq!(
            value(&exporter.scrape(), "pg_timeline_id", &[]),
            2.0,
            "PostgreSQL {major}"
        );
    }
}

#[test]
fn what_has_no_rows_of_its_own_has_no_age() {
    for major in some_majors(&[10, 13, 16, 18]) {
        let cluster = Cluster::start(major);
        cluster.psql(
            "create table part (a int) partition by list (a); create table leaf partition of part for values in (1);
             create table plain (a int)",
        );
        let page = watch(&cluster, "postgres", &Layer::patient(&[])).scrape();
        let age = |name| value(&page, "pg_table_age", &[("relname", name)]);
        assert!(age("public.part").is_nan(), "PostgreSQL {major}");
        assert!((0.0..1000.0).contains(&age("public.leaf")) && (0.0..1000.0).contains(&age("public.plain")));
        assert!(
            page.all("pg_table_age")
                .all(|table| table.value.is_nan() || table.value < 1_000_000.0)
        );
    }
}

/// Schema and name are parted by a dot: names with dots are quoted, so that two objects never are one series.
#[test]
fn names_with_dots_stay_apart() {
    let cluster = Cluster::start(some_majors(&[10, 18]).remove(0));
    for (schema, name) in [("\"a.b\"", "c"), ("a", "\"b.c\""), ("plain", "\"Mixed Case\"")] {
        cluster.psql(&format!(
            "create schema {schema}; create table {schema}.{name} (i serial primary key); insert into {schema}.{name} default values;
             create function {schema}.{name}() returns int language plpgsql as 'begin return 1; end'; select {schema}.{name}()"
        ));
    }
    let exporter = watch(&cluster, "postgres", &Layer::patient(&["pg_seq_end"]));
    let expected = ["\"a.b\".c", "a.\"b.c\"", "plain.Mixed Case"];
    wait_until("the calls are counted", PATIENCE, || {
        label_values(&exporter.scrape(), "pg_func_calls", "funcname") == expected
    });
    let page = exporter.scrape();
    assert_healthy(&exporter, &page);
    assert_eq!(label_values(&page, "pg_table_relid", "relname"), expected);
    assert_eq!(label_values(&page, "pg_table_size_bytes", "relname"), expected);
    assert_eq!(label_values(&page, "pg_index_relpages", "relname"), expected);
    let indexes = ["\"a.b\".c_pkey", "a.\"b.c_pkey\"", "plain.Mixed Case_pkey"];
    assert_eq!(label_values(&page, "pg_index_relpages", "idxname"), indexes);
    let sequences = ["\"a.b\".c_i_seq", "a.\"b.c_i_seq\"", "plain.Mixed Case_i_seq"];
    assert_eq!(label_values(&page, "pg_seq_last_value", "seqname"), sequences);
}

/// Tables, partitions in two schemas and of two levels, and what is not published: unlogged tables, views, sequences.
const PUBLISHED: &str = "
    create schema s; create schema t; create schema e;
    create table a (i int); create table kid () inherits (a); create table b (i int); create unlogged table u (i int);
    create table part (i int) partition by list (i);
    create table part1 partition of part for values in (1);
    create table t.part2 partition of part for values in (2) partition by list (i);
    create table s.part21 partition of t.part2 for values in (2);
    create table s.own (i int) partition by list (i); create table t.own1 partition of s.own for values in (1);
    create table s.plain (i int); create unlogged table s.unlogged (i int); create sequence s.numbers;
    create view s.view as select 1 as a; create materialized view s.kept as select 1 as a;
    create publication of_all for all tables; create publication of_a for table a; create publication of_none;
    create publication of_one for table only a; create publication of_two for table b, s.plain";

/// From 13 on partitioned tables are published, as such or in parts.
const PUBLISHED_IN_PARTS: &str = "
    create publication parts for table part; create publication twice for table part, part1;
    create publication thrice for table part, t.part2, s.part21; create publication mixed for table part, a, s.own, t.own1, b;
    create publication root_all for all tables with (publish_via_partition_root);
    create publication root for table part with (publish_via_partition_root);
    create publication root_twice for table part, part1 with (publish_via_partition_root);
    create publication root_deep for table t.part2, s.part21, s.own with (publish_via_partition_root);
    create publication root_parts for table part1, t.part2 with (publish_via_partition_root)";

/// From 15 on schemas are.
const PUBLISHED_BY_SCHEMA: &str = "
    create publication schema_s for tables in schema s; create publication schema_t for tables in schema t;
    create publication schema_both for tables in schema s, t; create publication schema_empty for tables in schema e;
    create publication schema_all for tables in schema public, s, t;
    create publication schema_beside for tables in schema s, table a, part;
    create publication schema_root_s for tables in schema s with (publish_via_partition_root);
    create publication schema_root_t for tables in schema t with (publish_via_partition_root);
    create publication schema_root_all for tables in schema public, s, t with (publish_via_partition_root);
    create publication schema_root_beside for tables in schema s, table part with (publish_via_partition_root)";

/// However many there are: none of them is looked at by the function that takes long.
#[test]
fn publications_are_counted_as_the_server_does() {
    for major in some_majors(&[10, 12, 13, 14, 15, 18]) {
        let cluster = Cluster::builder(major)
            .set("allow_system_table_mods", "on")
            .start();
        // There are no partitions in 10 of partitions in another schema, nor what publishes them.
        cluster.psql(PUBLISHED);
        if major >= 13 {
            cluster.psql(PUBLISHED_IN_PARTS);
        }
        if major >= 15 {
            cluster.psql(PUBLISHED_BY_SCHEMA);
        }
        let exporter = watch(&cluster, "postgres", &Layer::patient(&[]));
        let page = exporter.scrape();
        let counted = "select pubname, count(*) from pg_publication, pg_get_publication_tables(pubname) group by 1 order by 1";
        let expected = cluster.psql(counted);
        assert!(
            expected.lines().count() >= 4,
            "PostgreSQL {major}: only {expected}"
        );
        let found: Vec<_> = label_values(&page, "pg_pubrel_count", "pubname")
            .into_iter()
            .map(|name| {
                format!(
                    "{name}|{}",
                    value(&page, "pg_pubrel_count", &[("pubname", &name)])
                )
            })
            .collect();
        assert_eq!(found, expected.lines().collect::<Vec<_>>(), "PostgreSQL {major}");
        if major < 15 {
            continue;
        }
        // 19 notes so what a publication of all tables excepts: here a table, and a partitioned one with its two parts.
        cluster.psql(
            "insert into pg_publication_rel (oid, prpubid, prrelid)
             select 9000 + row_number() over (), p.oid, c.oid from pg_publication p, pg_class c
             where p.pubname in ('of_all', 'root_all') and c.relname in ('b', 'part')",
        );
        let page = exporter.scrape();
        for (name, excepted) in [("of_all", 3.0), ("root_all", 2.0)] {
            let whole = expected
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('|'));
            assert_eq!(
                value(&page, "pg_pubrel_count", &[("pubname", name)]),
                whole.unwrap().parse::<f64>().unwrap() - excepted,
                "{name}, PostgreSQL {major}"
            );
        }
    }
}

#[test]
fn temporary_tables_of_other_sessions_have_their_size() {
    for major in some_majors(&[10, 15, 18]) {
        let cluster = Cluster::start(major);
        let mut session = cluster.session("postgres");
        session.exec("create temporary table scratch as select n, repeat('x', 100) as filler from generate_series(1, 5000) n");
        session.exec("create index on scratch (n)");
        let page = watch(&cluster, "postgres", &Layer::patient(&["pg_persistence"])).scrape();
        let schema = session.exec("select nspname from pg_namespace where oid = pg_my_temp_schema()");
        let size = |function: &str| session_size(&cluster, function);
        let labels = [("relname", &*format!("{schema}.scratch"))];
        assert_eq!(
            value(&page, "pg_table_size_bytes", &labels),
            size("pg_total_relation_size"),
            "PostgreSQL {major}"
        );
        assert_eq!(
            value(&page, "pg_table_size_relsize", &labels),
            size("pg_relation_size")
        );
        assert_eq!(
            value(&page, "pg_table_size_indexsize", &labels),
            size("pg_indexes_size")
        );
        assert!(
            value(&page, "pg_persistence_bytes", &[("persistence", "temporary")])
                >= size("pg_total_relation_size")
        );
    }
}

fn session_size(cluster: &Cluster, function: &str) -> f64 {
    let size = cluster.psql(&format!(
        "select {function}(oid) from pg_class where relname = 'scratch'"
    ));
    size.parse().unwrap()
}

/// None of the exporter's sessions is shown, in whatever database, whatever runs beside the statement that asks.
#[test]
fn an_idle_server_is_idle() {
    for major in some_majors(&[10, 18]) {
        let cluster = Cluster::builder(major).set("autovacuum", "off").start();
        for database in ["one", "two", "three"] {
            cluster.create_database(database);
        }
        let layer = Layer::patient(&[]);
        let exporter = exporter(&cluster.url("postgres"))
            .arg("--disable-cache")
            .arg("--config")
            .arg(layer.path())
            .start();
        for _ in 0..20 {
            let page = exporter.scrape();
            assert_healthy(&exporter, &page);
            for name in [
                "pg_activity_count",
                "pg_activity_max_duration",
                "pg_activity_max_conn_duration",
                "pg_lock_count",
            ] {
                let busy: Vec<_> = page.all(name).filter(|sample| sample.value != 0.0).collect();
                assert!(busy.is_empty(), "PostgreSQL {major}: {busy:?}");
                assert!(page.all(name).count() >= 4 * 6);
            }
            assert_eq!(page.all("pg_xact_age_seconds_count").count(), 0);
            let waits = label_values(&page, "pg_wait_count", "datname");
            assert!(
                waits.iter().all(|database| database == "_system"),
                "PostgreSQL {major}: {waits:?}"
            );
            assert_eq!(value(&page, "pg_xmin_age_xids", &[("kind", "backend")]), 0.0);
        }
        // What is of the same role under another name counts.
        let _session = cluster.session("one");
        let idle = [("datname", "one"), ("state", "idle")];
        assert_eq!(value(&exporter.scrape(), "pg_activity_count", &idle), 1.0);
    }
}

/// Version 10 tells the sender in the connection string only, where it may have an address and no host.
#[test]
fn the_sender_of_a_standby_without_columns_for_it() {
    let Some(&major) = pg_exporter_lab::majors().iter().find(|major| **major == 10) else {
        return;
    };
    let primary = Cluster::start(major);
    let standby = primary.standby();
    let sender = |standby: &Cluster| {
        standby.wait_for("select status from pg_stat_wal_receiver", "streaming");
        let page = watch(standby, "postgres", &Layer::patient(&[])).scrape();
        let receiver = page.all("pg_recv_pid").next().unwrap();
        [
            receiver.label("sender_host").unwrap().to_owned(),
            receiver.label("sender_port").unwrap().to_owned(),
        ]
    };
    let port = primary.port().to_string();
    assert_eq!(sender(&standby), ["127.0.0.1", &port]);
    let mut file = OpenOptions::new()
        .append(true)
        .open(standby.data().join("recovery.conf"))
        .unwrap();
    writeln!(
        file,
        "\nprimary_conninfo = 'hostaddr=127.0.0.1 port={port} user=postgres application_name=''my host=x'''"
    )
    .unwrap();
    standby.restart();
    assert_eq!(sender(&standby), ["127.0.0.1", &port]);
}

/// Its storage replicates: a reader has no positions to tell, nor has a writer unless WAL is logical.
#[test]
fn aurora_tells_its_lag_in_a_way_of_its_own() {
    let major = some_majors(&[15, 17]).remove(0);
    let primary = Cluster::builder(major)
        .set("wal_level", "replica")
        .set("allow_system_table_mods", "on")
        .start();
    let standby = primary.standby();
    let refuse = |name: &str, returns: &str, sqlstate: &str| {
        primary.psql(&format!(
            "alter function pg_catalog.{name}() rename to {name}_of_postgres;
             create function pg_catalog.{name}() returns {returns} language plpgsql as
             $$ begin raise 'Function {name}() is currently not supported for Aurora' using errcode = '{sqlstate}'; end $$"
        ));
    };
    for name in [
        "pg_current_wal_lsn",
        "pg_current_wal_flush_lsn",
        "pg_current_wal_insert_lsn",
    ] {
        refuse(name, "pg_lsn", "55000");
    }
    for name in ["pg_last_wal_receive_lsn", "pg_last_wal_replay_lsn"] {
        refuse(name, "pg_lsn", "0A000");
    }
    refuse("pg_last_xact_replay_timestamp", "timestamptz", "0A000");
    refuse("pg_is_wal_replay_paused", "bool", "0A000");
    primary.psql(
        "create function pg_catalog.aurora_version() returns text language sql as $$ select '15.4.1' $$;
         create function pg_catalog.aurora_replica_status(out server_id text, out session_id text,
             out replica_lag_in_msec float8, out cur_replay_latency_in_usec int8, out active_txns int4,
             out last_update_timestamp timestamptz)
         returns setof record language sql as $$ values
             ('one', 'MASTER_SESSION_ID', null::float8, null::int8, 3, '2024-01-02 03:04:05+00'::timestamptz),
             ('two', 'b3f1', 21.5, 1500, 1, '2024-01-02 03:04:06+00') $$",
    );
    standby.wait_for(
        "select count(*) from pg_proc where proname = 'aurora_replica_status'",
        "1",
    );
    for (cluster, in_recovery) in [(&primary, 0.0), (&standby, 1.0)] {
        let exporter = watch(cluster, "postgres", &Layer::patient(&[]));
        let page = exporter.scrape();
        assert_eq!(value(&page, "pg_up", &[]), 1.0, "{}", exporter.stderr());
        assert_eq!(value(&page, "pg_is_in_recovery", &[]), in_recovery);
        assert!(value(&page, "pg_uptime", &[]) > 0.0 && value(&page, "pg_lsn", &[]).is_nan());
        assert!(value(&page, "pg_timeline_id", &[]) >= 1.0);
        assert!(value(&page, "pg_db_numbackends", &[("datname", "postgres")]) >= 1.0);
        let reader = [("server_id", "two"), ("role", "reader")];
        assert!((value(&page, "pg_aurora_replica_lag_seconds", &reader) - 0.0215).abs() < 1e-9);
        assert!((value(&page, "pg_aurora_replica_replay_latency_seconds", &reader) - 0.0015).abs() < 1e-9);
        let writer = [("server_id", "one"), ("role", "writer")];
        assert!(value(&page, "pg_aurora_replica_lag_seconds", &writer).is_nan());
        assert_eq!(
            value(&page, "pg_aurora_replica_active_transactions", &writer),
            3.0
        );
        assert_eq!(
            value(&page, "pg_aurora_replica_update_timestamp_seconds", &writer),
            1_704_164_645.0
        );
    }
}
