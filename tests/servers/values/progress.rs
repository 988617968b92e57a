//! Maintenance caught in the middle: VACUUM, CREATE INDEX, VACUUM FULL, base backups.

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
            &[("relname", "vacuumed"), ("datname", "postgres")],
        );
        assert!((0.0..1.0).contains(&vacuuming), "{vacuuming}");
        let indexing = value(&page, "pg_indexing_tuples", &[("relname", "indexed")]);
        let blocks = value(&page, "pg_indexing_blocks", &[("relname", "indexed")]);
        assert!(
            indexing.is_nan() && blocks > 0.0 && blocks < 1.0,
            "{indexing} {blocks}"
        );
        assert_eq!(
            value(&page, "pg_clustering_tup_scan", &[("relname", "clustered")]),
            1000.0
        );
        assert_eq!(
            value(&page, "pg_clustering_progress", &[("relname", "clustered")]),
            1.0
        );
        if major >= 13 {
            assert_eq!(value(&page, "pg_backup_phase", &[]), 3.0);
            assert!(value(&page, "pg_backup_total_bytes", &[]) > 1e6);
        }
    }
}

fn checks(major: u32) -> Vec<Check> {
    let labels = "datname, pid, relid::regclass";
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
