//! Names that clash, and relations of other databases.

use pg_exporter_lab::{Cluster, newest_major};

use super::{some_majors, watch};
use crate::layer::Layer;
use crate::scene::scene;
use crate::support::{assert_healthy, label_values, thorough, value};

#[test]
fn databases_named_as_pg_sizes_pseudo_rows_do_not_clash() {
    let cluster = Cluster::start(newest_major());
    cluster.create_database("log");
    cluster.create_database("wal");
    let exporter = thorough(&cluster.url("postgres"), &Layer::patient(&[]));
    let page = exporter.scrape();
    assert_healthy(&exporter, &page);
    let expected = ["log", "postgres", "template0", "template1", "wal"];
    assert_eq!(label_values(&page, "pg_size_bytes", "datname"), expected);
    assert_eq!(
        value(&page, "pg_size_bytes", &[("datname", "log")]),
        0.0,
        "the collector of logs is off"
    );
    let dropped = page.all("pg_exporter_query_dropped_series_total").count();
    assert_eq!(dropped, 0);
}

/// Two databases may have subscriptions of one name: the older is shown.
#[test]
fn subscriptions_of_one_name_do_not_clash() {
    for major in some_majors(&[10, 15, 18]) {
        let cluster = Cluster::start(major);
        for database in ["one", "two"] {
            cluster.create_database(database);
            let subscription = "create subscription same connection 'host=127.0.0.1 port=1' publication p
                                with (connect = false, slot_name = none)";
            cluster.psql_in(database, subscription);
        }
        let exporter = thorough(&cluster.url("postgres"), &Layer::patient(&[]));
        let page = exporter.scrape();
        assert_healthy(&exporter, &page);
        let oldest: f64 = cluster
            .psql("select min(oid) from pg_subscription")
            .parse()
            .unwrap();
        assert_eq!(value(&page, "pg_sub_id", &[("subname", "same")]), oldest);
        assert_eq!(page.all("pg_exporter_query_dropped_series_total").count(), 0);
    }
}

/// A relation's name is known in its own database only.
#[test]
fn maintenance_in_another_database_is_shown_by_oid() {
    for major in some_majors(&[12, 18]) {
        let cluster = &scene(major).primary;
        let page = watch(cluster, "app", &Layer::patient(&[])).scrape();
        for (metric, table) in [
            ("pg_vacuuming_progress", "vacuumed"),
            ("pg_indexing_blocks", "indexed"),
            ("pg_clustering_progress", "clustered"),
        ] {
            let oid = cluster.psql(&format!("select '{table}'::regclass::oid"));
            assert_eq!(label_values(&page, metric, "relname"), [oid], "{metric}");
        }
    }
}
