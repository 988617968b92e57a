//! What a role may see.

use pg_exporter_lab::{Cluster, Page, majors, majors_among};

use crate::layer::Layer;
use crate::support::{assert_healthy, thorough, value};

/// A server with something in it, and a role with these grants.
fn server(major: u32, grants: &str) -> (Cluster, String) {
    let cluster = Cluster::start(major);
    cluster.create_database("app");
    cluster.psql_in(
        "app",
        "create table customers (id serial primary key); create publication app_pub for table customers",
    );
    cluster.psql("select pg_create_physical_replication_slot('spare')");
    cluster.psql(&format!(
        "create extension pg_stat_statements; create role watcher login; {grants}"
    ));
    let url = format!("postgresql://watcher@127.0.0.1:{}/postgres", cluster.port());
    (cluster, url)
}

#[test]
fn with_pg_monitor_nothing_fails() {
    for major in majors_among(&[10, 12, 14, 16, 18]) {
        let (cluster, url) = server(major, "grant pg_monitor to watcher");
        let standby = cluster.standby();
        for (port, in_recovery) in [(cluster.port(), 0.0), (standby.port(), 1.0)] {
            let url = url.replace(&cluster.port().to_string(), &port.to_string());
            let exporter = thorough(&url, &Layer::patient(&[]));
            let page = exporter.scrape();
            assert_healthy(&exporter, &page);
            assert_eq!(value(&page, "pg_in_recovery", &[]), in_recovery);
            assert_eq!(page.all("pg_meta_info").count(), 1);
            assert!(value(&page, "pg_size_bytes", &[("datname", "wal")]) > 0.0);
            assert!(
                page.value("pg_table_size_bytes", &[("relname", "public.customers")])
                    .is_some()
            );
        }
    }
}

/// What needs no right is served, also where it stands beside what needs one.
#[test]
fn without_privileges_nothing_fails_and_what_is_hidden_is_missing() {
    for major in majors_among(&[10, 12, 14, 16, 18]) {
        let (_cluster, url) = server(major, "");
        let exporter = thorough(&url, &Layer::patient(&[]));
        let page = exporter.scrape();
        assert_healthy(&exporter, &page);
        assert_served(&page);
        let meta = page.all("pg_meta_info").next().unwrap();
        assert_eq!(meta.label("data_dir"), Some(""), "PostgreSQL {major}: hidden");
        assert!(meta.label("version").unwrap().starts_with(&major.to_string()));
        assert_ne!(meta.label("cluster_id"), Some(""), "everybody may know it");
        assert!(value(&page, "pg_size_bytes", &[("datname", "app")]) > 0.0);
        assert_eq!(page.value("pg_size_bytes", &[("datname", "wal")]), None);
    }
}

fn assert_served(page: &Page) {
    for name in [
        "pg_lsn",
        "pg_db_numbackends",
        "pg_setting_max_connections",
        "pg_activity_count",
        "pg_slot_active",
    ] {
        assert!(page.all(name).count() > 0, "{name}");
    }
    assert!(
        page.value("pg_table_size_bytes", &[("relname", "public.customers")])
            .is_some()
    );
}

/// A right granted later is noticed at the next plan, which a new schema or extension makes too.
#[test]
fn a_role_that_may_not_connect_to_a_database_does_without_it() {
    let (cluster, url) = server(majors()[0], "grant pg_monitor to watcher");
    cluster.psql("revoke connect on database app from public");
    let exporter = thorough(&url, &Layer::patient(&[]));
    let page = exporter.scrape();
    assert_healthy(&exporter, &page);
    assert!(
        page.all("pg_exporter_server_scrape_total_count")
            .all(|sample| sample.label("datname") == Some("postgres"))
    );
    assert!(page.value("pg_db_numbackends", &[("datname", "app")]).is_some());
}
