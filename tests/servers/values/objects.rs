//! Functions, sequences, partitions, publications and sizes.

use super::shop::{PARTITIONS, database};
use super::{some_majors, watch};
use crate::agree::{Check, agree, columns, same};
use crate::layer::Layer;
use crate::support::value;

#[test]
fn functions_sequences_sizes_and_kinds() {
    for major in some_majors(&[11, 15, 17]) {
        let cluster = database(major, "objects");
        let exporter = watch(
            cluster,
            "objects",
            &Layer::patient(&["pg_persistence", "pg_seq_end"]),
        );
        let table = "current_database(), n.nspname || '.' || c.relname";
        let tables = "pg_class c join pg_namespace n on n.oid = c.relnamespace
                      where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema')";
        let sizes = [
            ("bytes", "pg_total_relation_size(c.oid)"),
            ("relsize", "pg_relation_size(c.oid)"),
            ("indexsize", "pg_indexes_size(c.oid)"),
            (
                "toastsize",
                "coalesce(pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0)",
            ),
        ];
        let functions = "(select current_database() d, schemaname || '.' || funcname f, sum(calls) c, sum(total_time) / 1000 t,
                          sum(self_time) / 1000 s from pg_stat_user_functions group by 1, 2) x";
        let mut checks = columns("pg_table_size", table, tables, &sizes);
        checks.extend(columns(
            "pg_func",
            "d, f",
            functions,
            &[("calls", "c"), ("total_time", "t"), ("self_time", "s")],
        ));
        let sequence = "current_database(), schemaname || '.' || sequencename";
        checks.extend(columns(
            "pg_seq",
            sequence,
            "pg_sequences",
            &[("last_value", "last_value")],
        ));
        let sequence = "current_database(), schemaname || '.' || relname";
        // Looking at a sequence reads its block.
        let blocks = same(
            "pg_seq",
            sequence,
            "pg_statio_all_sequences",
            "blks_read blks_hit",
        );
        checks.extend(blocks.into_iter().map(|check| check.within(50.0)));
        checks.push(Check::new(
            "pg_relkind_count",
            "select current_database(), relkind, count(*) from pg_class group by relkind",
        ));
        checks.extend(sizes_of_databases());
        agree(&exporter, cluster, "objects", &checks);
        let page = exporter.scrape();
        assert_eq!(value(&page, "pg_func_calls", &[("funcname", "public.slow")]), 3.0);
        assert_eq!(
            value(&page, "pg_seq_last_value", &[("seqname", "public.counted")]),
            5.0
        );
        assert!(value(&page, "pg_seq_last_value", &[("seqname", "public.unused")]).is_nan());
        assert!(
            value(
                &page,
                "pg_table_size_toastsize",
                &[("relname", "Shop floor.Parts")]
            ) > 16384.0
        );
        assert_eq!(value(&page, "pg_table_size_skipped_relations", &[]), 0.0);
    }
}

fn sizes_of_databases() -> [Check; 2] {
    let databases =
        "select datname, pg_database_size(oid) from pg_database where datname in ('template0', 'template1')";
    let wal = "select 'wal', sum(size) from pg_ls_waldir()";
    [
        Check::new("pg_size_bytes", databases).some(),
        Check::new("pg_size_bytes", wal).only("datname", "wal"),
    ]
}

#[test]
fn default_partitions_and_publications() {
    for major in some_majors(&[11, 14, 18]) {
        let cluster = database(major, "partitions");
        cluster.psql_in("partitions", PARTITIONS);
        let exporter = watch(cluster, "partitions", &Layer::patient(&[]));
        let published = "select current_database(), pubname, count(*) from pg_publication_tables group by 2";
        agree(
            &exporter,
            cluster,
            "partitions",
            &[Check::new("pg_pubrel_count", published)],
        );
        let page = exporter.scrape();
        let rest = [
            ("datname", "partitions"),
            ("relname", "\"Shop floor\".Other Days"),
        ];
        assert_eq!(value(&page, "pg_defpart_tuples", &rest), 12.0);
        assert_eq!(page.all("pg_defpart_tuples").count(), 1);
        assert_eq!(value(&page, "pg_pubrel_count", &[("pubname", "listed")]), 2.0);
        assert_eq!(value(&page, "pg_pubrel_count", &[("pubname", "partitions")]), 2.0);
        assert_eq!(value(&page, "pg_pubrel_count", &[("pubname", "everything")]), 4.0);
    }
}
