//! What a site provides for collectors that are skipped by default.

use super::some_majors;
use crate::layer::{Layer, patience};
use crate::scene::{SKIPPED, scene};
use crate::support::{exporter, thorough, value};

#[test]
fn heartbeat_bloat_and_shared_memory_are_read_from_the_sites_own_objects() {
    for major in some_majors(&[10, 13, 18]) {
        for (cluster, _) in scene(major).servers() {
            let page = thorough(&cluster.url("postgres"), &Layer::patient(&SKIPPED)).scrape();
            let main = [("cluster_name", "main")];
            assert_eq!(value(&page, "pg_heartbeat_ts", &main), 1_704_164_645.5);
            assert_eq!(value(&page, "pg_heartbeat_lsn", &main), 123_456_789.0);
            assert_eq!(value(&page, "pg_heartbeat_txid", &main), 42.0);
            let table = [("datname", "app"), ("relname", "public.customers")];
            assert_eq!(value(&page, "pg_table_bloat_size", &table), 8192.0);
            assert_eq!(value(&page, "pg_table_bloat_ratio", &table), 0.25);
            let index = [("datname", "app"), ("relname", "public.customers_pkey")];
            assert_eq!(value(&page, "pg_index_bloat_size", &index), 16384.0);
            assert_eq!(value(&page, "pg_index_bloat_ratio", &index), 0.5);
            if major >= 13 {
                let size = "select size from pg_shmem_allocations where name = 'Buffer Blocks'";
                let size: f64 = cluster.psql(size).parse().unwrap();
                assert_eq!(value(&page, "pg_shmem_size", &[("name", "Buffer Blocks")]), size);
                assert!(value(&page, "pg_shmem_size", &[("name", "Free")]) >= 0.0);
            }
        }
    }
}

/// Without the table the predicate says no, which is no failure; the schema makes the collector be planned.
#[test]
fn the_heartbeat_waits_for_its_table() {
    let cluster = pg_exporter_lab::Cluster::start(some_majors(&[15, 16]).pop().unwrap());
    let layer = Layer::new(&patience(&["pg_heartbeat"]));
    let exporter = exporter(&cluster.url("postgres"))
        .args(["--disable-cache", "--config"])
        .arg(layer.path())
        .start();
    let skips = "pg_exporter_query_scrape_predicate_skip_count";
    let query = [("datname", "postgres"), ("query", "pg_heartbeat")];
    assert_eq!(exporter.scrape().value(skips, &query), None);
    cluster.psql("create schema monitor");
    let page = exporter.scrape();
    assert_eq!(value(&page, skips, &query), 1.0);
    assert_eq!(value(&page, "pg_exporter_query_scrape_error_count", &query), 0.0);
    assert_eq!(page.value("pg_heartbeat_ts", &[]), None);
    cluster.psql(
        "create table monitor.heartbeat (id text, ts timestamptz, lsn numeric, txid bigint);
         insert into monitor.heartbeat values ('here', now(), 1, 2), ('there', now(), 3, 4)",
    );
    let page = exporter.scrape();
    assert_eq!(page.all("pg_heartbeat_ts").count(), 2);
    assert_eq!(
        value(&page, "pg_heartbeat_lsn", &[("cluster_name", "there")]),
        3.0
    );
    assert_eq!(value(&page, skips, &query), 1.0);
}
