//! Series that are dropped: duplicates and what is above a limit. The page stays whole.

use pg_exporter_lab::{Page, promtool_check};

use super::{Own, database, databases};
use crate::support::value;

const DROPPED: &str = "pg_exporter_query_dropped_series_total";

#[test]
fn of_duplicates_the_first_is_kept() {
    for cluster in databases("duplicates") {
        let yaml = "
twins:
  query: SELECT * FROM (VALUES ('a', 1, 10), ('a', 2, 20), ('b', 3, 30), ('a', 4, 40)) AS v (name, one, two)
  metrics:
    - name: { usage: LABEL, description: Name. }
    - one: { usage: GAUGE, description: One. }
    - two: { usage: COUNTER, description: Two. }
";
        let own = Own::start(cluster, "duplicates", yaml);
        let text = own.exporter.get("/metrics").text();
        assert!(promtool_check(&text).parses);
        let page = Page::parse(&text);
        assert_eq!(page.all("twins_one").count(), 2);
        assert_eq!(value(&page, "twins_one", &[("name", "a")]), 1.0);
        assert_eq!(value(&page, "twins_two", &[("name", "a")]), 10.0);
        assert_eq!(value(&page, "twins_one", &[("name", "b")]), 3.0);
        let dropped = value(&page, DROPPED, &[("query", "twins"), ("reason", "duplicate")]);
        assert_eq!(dropped, 4.0, "two rows of two metrics");
    }
}

#[test]
fn series_of_two_databases_with_the_same_labels_are_served_once() {
    let cluster = pg_exporter_lab::Cluster::start(pg_exporter_lab::newest_major());
    for name in ["first", "second"] {
        cluster.create_database(name);
    }
    let yaml = "
plain: { query: SELECT 1 AS one, metrics: [ { one: { usage: GAUGE, description: One. } } ] }
named: { query: 'SELECT current_database() AS datname, 1 AS one', metrics: [ { datname: { usage: LABEL, description: Name. } }, { one: { usage: GAUGE, description: One. } } ] }
";
    let own = Own::with(&cluster, "postgres", yaml, &[]);
    let text = own.exporter.get("/metrics").text();
    assert!(promtool_check(&text).parses);
    let page = Page::parse(&text);
    assert_eq!(page.all("plain_one").count(), 1);
    assert_eq!(page.all("named_one").count(), 3);
    assert_eq!(value(&page, "pg_exporter_duplicate_series", &[]), 2.0);
}

#[test]
fn max_series_limits_a_result() {
    let own = Own::start(
        database("max_series"),
        "max_series",
        "
many:
  query: SELECT n::text AS n, n AS one, -n AS two FROM generate_series(1, 10) n
  max_series: 6
  metrics: [ { n: { usage: LABEL, description: N. } }, { one: { usage: GAUGE, description: One. } }, { two: { usage: GAUGE, description: Two. } } ]
",
    );
    let page = own.scrape();
    let series = page.all("many_one").count() + page.all("many_two").count();
    assert_eq!(series, 6);
    assert_eq!(
        value(&page, DROPPED, &[("query", "many"), ("reason", "limit")]),
        14.0
    );
    assert_eq!(value(&page, "many_one", &[("n", "1")]), 1.0);
}
