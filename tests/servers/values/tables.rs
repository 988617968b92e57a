//! Counters of tables, indexes and databases.

use pg_exporter_lab::Cluster;

use super::shop::database;
use super::{some_majors, watch};
use crate::agree::{Check, agree, columns, same};
use crate::layer::Layer;
use crate::support::value;

#[test]
fn tables_and_indexes_are_counted_as_the_catalogs_say() {
    for major in some_majors(&[10, 13, 16, 18]) {
        let cluster = database(major, "objects");
        let exporter = watch(cluster, "objects", &Layer::patient(&[]));
        let mut checks = tables(major);
        checks.extend(indexes());
        agree(&exporter, cluster, "objects", &checks);
        let page = exporter.scrape();
        let of = |name: &str, table: &str| value(&page, name, &[("datname", "objects"), ("relname", table)]);
        let parts = "Shop floor.Parts";
        assert_eq!(of("pg_table_n_tup_ins", parts), 1001.0);
        assert_eq!(of("pg_table_n_tup_upd", parts), 100.0);
        assert_eq!(of("pg_table_n_tup_del", parts), 50.0);
        assert_eq!(of("pg_table_n_tup_mod", parts), 1151.0);
        assert_eq!(of("pg_table_tuples", parts), 951.0);
        assert_eq!(of("pg_table_n_live_tup", parts), 951.0);
        assert_eq!(of("pg_table_kind", parts), 114.0);
        assert_eq!(of("pg_table_kind", "public.summary"), 109.0);
        // A table without index: what it has of scans is sequential.
        assert!(of("pg_table_tbl_scan", "public.bare") >= 2.0);
        assert!(of("pg_table_tup_read", "public.bare") >= 100.0);
        assert!(
            page.all("pg_table_kind")
                .all(|table| table.label("relname") != Some("public.looked_at"))
        );
    }
}

fn tables(major: u32) -> Vec<Check> {
    let from = "pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_stat_user_tables s on s.relid = c.oid
                left join pg_statio_user_tables io on io.relid = c.oid
                where c.relkind in ('r', 'm', 'p') and n.nspname in ('public', 'Shop floor')";
    let labels = "current_database(), n.nspname || '.' || c.relname";
    let mut pairs = vec![
        ("relid", "c.oid"),
        ("kind", "ascii(c.relkind::text)"),
        ("pages", "c.relpages"),
        ("tuples", "c.reltuples"),
        ("frozenxid", "c.relfrozenxid"),
        ("age", "age(c.relfrozenxid)"),
        ("ncols", "c.relnatts"),
        ("tbl_scan", "coalesce(s.seq_scan, 0) + coalesce(s.idx_scan, 0)"),
        (
            "tup_read",
            "coalesce(s.seq_tup_read, 0) + coalesce(s.idx_tup_fetch, 0)",
        ),
        ("n_tup_mod", "s.n_tup_ins + s.n_tup_upd + s.n_tup_del"),
        ("n_live_tup", "s.n_live_tup"),
        ("n_dead_tup", "s.n_dead_tup"),
        ("n_mod_since_analyze", "s.n_mod_since_analyze"),
    ];
    let zero: Vec<String> = "seq_scan seq_tup_read idx_scan idx_tup_fetch n_tup_ins n_tup_upd n_tup_del n_tup_hot_upd
        vacuum_count autovacuum_count analyze_count autoanalyze_count heap_blks_read heap_blks_hit idx_blks_read idx_blks_hit"
        .split_whitespace()
        .map(|name| format!("coalesce({name}, 0)"))
        .collect();
    pairs.extend(
        zero.iter()
            .map(|expression| (&expression[9..expression.len() - 4], expression.as_str())),
    );
    if major >= 13 {
        pairs.push(("n_ins_since_vacuum", "s.n_ins_since_vacuum"));
    }
    if major >= 16 {
        pairs.push(("n_tup_newpage_upd", "s.n_tup_newpage_upd"));
    }
    if major >= 18 {
        pairs.push(("vacuum_time", "s.total_vacuum_time / 1000"));
        pairs.push(("analyze_time", "s.total_analyze_time / 1000"));
        pairs.push(("autovacuum_time", "s.total_autovacuum_time / 1000"));
        pairs.push(("autoanalyze_time", "s.total_autoanalyze_time / 1000"));
    }
    columns("pg_table", labels, from, &pairs)
}

fn indexes() -> Vec<Check> {
    let labels = "current_database(), s.schemaname || '.' || s.indexrelname, s.schemaname || '.' || s.relname, s.indexrelid";
    let from = "pg_stat_user_indexes s join pg_statio_user_indexes io using (indexrelid) join pg_class c on c.oid = indexrelid";
    same(
        "pg_index",
        labels,
        from,
        "relpages reltuples idx_scan idx_tup_read idx_tup_fetch idx_blks_read idx_blks_hit",
    )
}

#[test]
fn databases_are_counted_as_the_catalogs_say() {
    for major in some_majors(&[10, 12, 15, 18]) {
        let cluster = database(major, "databases");
        cluster.psql_in("databases", "begin; create table gone (); rollback");
        spend(cluster);
        cluster.psql("alter database databases connection limit 42");
        cluster.wait_for(
            "select xact_rollback from pg_stat_database where datname = 'databases'",
            "2",
        );
        let exporter = watch(cluster, "postgres", &Layer::patient(&[]));
        let from = "pg_database d join pg_stat_database s on s.datid = d.oid where d.datname = 'databases'";
        let mut pairs = vec![
            ("datid", "d.oid"),
            ("age", "age(d.datfrozenxid)"),
            ("is_template", "d.datistemplate::int"),
            ("allow_conn", "d.datallowconn::int"),
            ("conn_limit", "d.datconnlimit"),
            ("frozen_xid", "d.datfrozenxid"),
            ("xact_total", "s.xact_commit + s.xact_rollback"),
            ("blks_access", "s.blks_read + s.blks_hit"),
            ("tup_modified", "s.tup_inserted + s.tup_updated + s.tup_deleted"),
            ("reset_time", "extract(epoch from s.stats_reset)"),
            ("blk_read_time", "s.blk_read_time / 1000"),
            ("blk_write_time", "s.blk_write_time / 1000"),
        ];
        let plain =
            "numbackends xact_commit xact_rollback blks_read blks_hit tup_returned tup_fetched tup_inserted
            tup_updated tup_deleted conflicts temp_files temp_bytes deadlocks";
        pairs.extend(plain.split_whitespace().map(|name| (name, name)));
        if major >= 12 {
            pairs.push(("cks_fails", "coalesce(checksum_failures, -1)"));
            pairs.push((
                "cks_fail_time",
                "floor(extract(epoch from checksum_last_failure))",
            ));
        }
        if major >= 14 {
            pairs.push(("session_time", "session_time / 1000"));
            pairs.push(("active_time", "active_time / 1000"));
            pairs.push(("ixact_time", "idle_in_transaction_time / 1000"));
            pairs.extend(
                [
                    "sessions",
                    "sessions_abandoned",
                    "sessions_fatal",
                    "sessions_killed",
                ]
                .map(|name| (name, name)),
            );
        }
        if major >= 18 {
            let launched = ["parallel_workers_to_launch", "parallel_workers_launched"];
            pairs.extend(launched.map(|name| (name, name)));
        }
        let checks: Vec<_> = columns("pg_db", "d.datname", from, &pairs)
            .into_iter()
            .map(|check| check.only("datname", "databases"))
            .collect();
        agree(&exporter, cluster, "postgres", &checks);
        let page = exporter.scrape();
        let of = |name: &str| value(&page, name, &[("datname", "databases")]);
        assert_eq!(of("pg_db_conn_limit"), 42.0);
        assert_eq!(
            of("pg_db_xact_rollback"),
            2.0,
            "one asked for, one after the deadlock"
        );
        assert_eq!(of("pg_db_deadlocks"), 1.0);
        assert!(of("pg_db_temp_files") >= 1.0 && of("pg_db_temp_bytes") > 1e6);
        if major >= 14 {
            assert_eq!(of("pg_db_sessions_killed"), 1.0);
        }
        assert!(of("pg_db_tup_inserted") >= 1000.0);
        assert_eq!(
            value(&page, "pg_db_is_template", &[("datname", "template1")]),
            1.0
        );
    }
}

/// A sort on disk, a deadlock, a session that is ended.
fn spend(cluster: &Cluster) {
    let sort = "set work_mem = '64kB'; select count(*) from (select n from generate_series(1, 200000) n order by -n offset 0) x";
    cluster.psql_in("databases", sort);
    let (mut one, mut other) = (cluster.session("databases"), cluster.session("databases"));
    for (session, table) in [(&mut one, "bare"), (&mut other, "fleeting")] {
        session.exec("begin");
        session.exec(&format!("lock table {table}"));
    }
    one.send("lock table fleeting");
    let deadlocked = [other.answer_to("lock table bare").is_err(), one.answer().is_err()];
    assert!(deadlocked[0] != deadlocked[1], "{deadlocked:?}");
    for session in [&mut one, &mut other] {
        session.exec("commit");
    }
    let pid = one.backend_pid();
    cluster.psql(&format!("select pg_terminate_backend({pid})"));
}
