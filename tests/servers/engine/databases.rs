//! Discovery: databases that come, go, or are left out.

use pg_exporter_lab::{Cluster, Page, majors, newest_major, wait_until};

use super::Own;
use crate::support::{PATIENCE, failures, label_values, value};

const NAMED: &str = "
named: { query: 'SELECT current_database() AS datname, 1 AS one', metrics: [ { datname: { usage: LABEL, description: Name. } }, { one: { usage: GAUGE, description: One. } } ] }
central: { query: 'SELECT current_database() AS datname, 1 AS one', tags: [cluster], metrics: [ { datname: { usage: LABEL, description: Name. } }, { one: { usage: GAUGE, description: One. } } ] }
";

fn names(page: &Page) -> Vec<String> {
    label_values(page, "named_one", "datname")
}

#[test]
fn databases_come_and_go() {
    for major in [majors()[0], newest_major()] {
        let cluster = Cluster::start(major);
        let own = Own::with(&cluster, "postgres", NAMED, &[]);
        assert_eq!(names(&own.scrape()), ["postgres"]);
        cluster.create_database("shop");
        cluster.psql("create database \"It's \"\"one\"\" %2f?\"");
        assert_eq!(names(&own.scrape()), ["It's \"one\" %2f?", "postgres", "shop"]);
        let page = own.scrape();
        assert_eq!(label_values(&page, "central_one", "datname"), ["postgres"]);
        assert_eq!(
            value(
                &page,
                "pg_exporter_server_scrape_total_count",
                &[("datname", "shop")]
            ),
            2.0
        );
        // The exporter's connection is idle there: the server ends it.
        cluster.psql("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'shop'");
        cluster.psql("alter database shop rename to store");
        assert_eq!(names(&own.scrape()), ["It's \"one\" %2f?", "postgres", "store"]);
        cluster.psql("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'store'");
        wait_until("the database is dropped", PATIENCE, || {
            cluster.try_psql("postgres", "drop database store").is_ok()
        });
        let page = own.scrape();
        assert_eq!(names(&page), ["It's \"one\" %2f?", "postgres"]);
        assert_eq!(
            page.value("pg_exporter_server_scrape_total_count", &[("datname", "store")]),
            None
        );
        assert_eq!(value(&page, "pg_up", &[]), 1.0);
        assert_eq!(failures(&page), [""; 0]);
    }
}

#[test]
fn databases_are_left_out_as_asked() {
    let cluster = Cluster::start(newest_major());
    for name in ["one", "two", "three", "closed"] {
        cluster.create_database(name);
    }
    cluster.psql("alter database closed allow_connections false");
    let names = |more: &[&str]| names(&Own::with(&cluster, "postgres", NAMED, more).scrape());
    assert_eq!(names(&[]), ["one", "postgres", "three", "two"]);
    assert_eq!(names(&["--exclude-database=one,two"]), ["postgres", "three"]);
    assert_eq!(names(&["--include-database=one,two"]), ["one", "postgres", "two"]);
    assert_eq!(
        names(&["--include-database=one,two", "--exclude-database=two"]),
        ["one", "postgres"]
    );
    assert_eq!(names(&["--auto-discovery=false"]), ["postgres"]);
    // `postgres` is excluded by default, but is what the URL names.
    let url = Own::with(&cluster, "one", NAMED, &[]).scrape();
    assert_eq!(
        label_values(&url, "named_one", "datname"),
        ["one", "three", "two"]
    );
    assert_eq!(label_values(&url, "central_one", "datname"), ["one"]);
}

/// A database that fails does not take the target down.
#[test]
fn a_database_that_cannot_be_reached_costs_its_series_only() {
    let cluster = Cluster::start(newest_major());
    for name in ["crowded", "free"] {
        cluster.create_database(name);
    }
    cluster.psql("create role watcher login; alter database crowded connection limit 0");
    let layer = crate::layer::Layer::new(NAMED);
    let url = format!("postgresql://watcher@127.0.0.1:{}/postgres", cluster.port());
    let exporter = crate::support::exporter(&url)
        .args(["--no-builtin", "--config"])
        .arg(layer.path())
        .start();
    let page = exporter.scrape();
    assert_eq!(names(&page), ["free", "postgres"]);
    assert_eq!(value(&page, "pg_up", &[]), 1.0);
    assert_eq!(
        value(
            &page,
            "pg_exporter_server_scrape_error_count",
            &[("datname", "crowded")]
        ),
        1.0
    );
    cluster.psql("alter database crowded connection limit -1");
    wait_until("it is tried again", PATIENCE, || {
        names(&exporter.scrape()) == ["crowded", "free", "postgres"]
    });
}
