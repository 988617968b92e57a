//! Maintenance caught in the middle: VACUUM, CREATE INDEX, VACUUM FULL, base backups.

use pg_exporter_lab::Cluster;

use super::{some_majors, watch};
use crate::agree::{Check, agree, columns};
use crate::layer::Layer;
use crate::scene::scene;
use crate::support::value;

#[test]
fn operations_in_progress_are_shown_as_the_catalogs_say() {
    for major in some_majors(&[12, 13, 17, 18]) {
        let scene = scene(major);
        let exporter = watch(&scene.primary, "postgres", &Layer::patient(&[]));
        agree(&exporter, &scene.primary, "postgres", &checks(major));
        let page = exporter.scrape();
        let vacuuming = value(
            &page,
            "pg_vacuuming_progress",
            &[("relname", "public.vacuumed"), ("datname", "postgres")],
        );
        assert!((0.0..1.0).contains(&vacuuming), "{vacuuming}");
        let indexing = value(&page, "pg_indexing_tuples", &[("relname", "public.indexed")]);
        let blocks = value(&page, "pg_indexing_blocks", &[("relname", "public.indexed")]);
        assert!(
            indexing.is_nan() && blocks > 0.0 && blocks < 1.0,
            "{indexing} {blocks}"
        );
        assert_eq!(
            value(
                &page,
                "pg_clustering_tup_scan",
                &[("relname", "public.clustered")]
            ),
            1000.0
        );
        assert_eq!(
            value(
                &page,
                "pg_clustering_progress",
                &[("relname", "public.clustered")]
            ),
            1.0
        );
        if major >= 13 {
            assert_eq!(value(&page, "pg_backup_phase", &[]), 3.0);
            assert!(value(&page, "pg_backup_total_bytes", &[]) > 1e6);
        }
    }
}

fn checks(major: u32) -> Vec<Check> {
    let labels = "datname, pid, (SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relid)";
    let scanned = "case when phase = 'scanning heap' then heap_blks_scanned::float8 / heap_blks_total end";
    let vacuum = "pg_stat_progress_vacuum where datname = current_database()";
    let mut checks = columns("pg_vacuuming", labels, vacuum, &[("progress", scanned)]);
    if major >= 17 {
        let pairs = [
            ("indexes_total", "indexes_total"),
            ("indexes_processed", "indexes_processed"),
            ("dead_tuple_bytes", "dead_tuple_bytes"),
        ];
        checks.extend(columns("pg_vacuuming", labels, vacuum, &pairs));
    }
    if major >= 18 {
        checks.extend(columns(
            "pg_vacuuming",
            labels,
            vacuum,
            &[("delay_time", "delay_time / 1000")],
        ));
    }
    let ratio = |name: &str| format!("{name}_done::float8 / nullif({name}_total, 0)");
    let names = ["blocks", "tuples", "partitions", "lockers"];
    let ratios = names.map(ratio);
    let pairs: Vec<_> = names.into_iter().zip(ratios.iter().map(String::as_str)).collect();
    checks.extend(columns(
        "pg_indexing",
        labels,
        "pg_stat_progress_create_index",
        &pairs,
    ));
    let pairs = [
        ("tup_scan", "heap_tuples_scanned"),
        ("progress", "heap_blks_scanned::float8 / heap_blks_total"),
    ];
    checks.extend(columns(
        "pg_clustering",
        labels,
        "pg_stat_progress_cluster",
        &pairs,
    ));
    if major >= 13 {
        // The server sends 32 kB per second.
        let backup = [("total_bytes", "backup_total"), ("sent_bytes", "backup_streamed")];
        let backup = columns("pg_backup", "pid", "pg_stat_progress_basebackup", &backup);
        checks.extend(backup.into_iter().map(|check| check.within(500_000.0)));
    }
    checks
}

/// COPY that waits for its input, ANALYZE that waits in an index expression.
#[test]
fn copy_and_analyze_in_progress_are_shown() {
    for major in some_majors(&[14, 17, 18]) {
        let cluster = Cluster::builder(major).set("autovacuum", "off").start();
        cluster.psql(
            "create function gate(i int) returns int language plpgsql immutable as
                'begin if i = 500 then perform pg_advisory_xact_lock_shared(4242); end if; return i; end';
             create table watched as select n as i from generate_series(1, 1000) n;
             create index on watched (gate(i)); create table copied (i int)",
        );
        let mut gate = cluster.session("postgres");
        gate.exec("select pg_advisory_lock(4242)");
        let mut analyze = cluster.session("postgres");
        analyze.send("analyze watched");
        let mut copy = cluster.session("postgres");
        copy.send("copy copied from program 'echo 1; echo 2; sleep 50'");
        cluster.wait_for(
            "select count(*) from pg_stat_progress_analyze where phase like 'computing%'",
            "1",
        );
        cluster.wait_for("select count(*) from pg_stat_progress_copy", "1");
        let exporter = watch(&cluster, "postgres", &Layer::patient(&[]));
        let labels = "datname, pid, (SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relid)";
        let mut checks = columns(
            "pg_analyzing",
            labels,
            "pg_stat_progress_analyze",
            &[
                (
                    "sample_ratio",
                    "sample_blks_scanned::float8 / nullif(sample_blks_total, 0)",
                ),
                (
                    "ext_stats_ratio",
                    "ext_stats_computed::float8 / nullif(ext_stats_total, 0)",
                ),
                (
                    "child_tables_ratio",
                    "child_tables_done::float8 / nullif(child_tables_total, 0)",
                ),
            ],
        );
        let copying = [
            ("processed_bytes", "bytes_processed"),
            ("total_bytes", "nullif(bytes_total, 0)"),
            ("processed_rows", "tuples_processed"),
            ("excluded_rows", "tuples_excluded"),
        ];
        let labels = "datname, pid, (SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relid), command, type";
        checks.extend(columns("pg_copying", labels, "pg_stat_progress_copy", &copying));
        agree(&exporter, &cluster, "postgres", &checks);
        let page = exporter.scrape();
        assert_eq!(
            value(
                &page,
                "pg_analyzing_sample_ratio",
                &[("relname", "public.watched")]
            ),
            1.0
        );
        assert_eq!(
            page.all("pg_copying_processed_rows")
                .next()
                .unwrap()
                .label("relname"),
            Some("public.copied")
        );
        if major >= 17 {
            assert_eq!(value(&page, "pg_copying_skipped_rows", &[]), 0.0);
        }
    }
}
