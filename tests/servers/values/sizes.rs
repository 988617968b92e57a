//! Sizes of databases, WAL and logs: what costs which.

use std::fs;
use std::os::unix::fs::symlink;

use pg_exporter::catalog::compiled::COLLECTORS;
use pg_exporter_lab::{Cluster, newest_major};

use super::some_majors;
use crate::layer::Layer;
use crate::support::{failures, label_values, thorough, value};

/// The text of the shipped statement.
fn statement() -> &'static str {
    let collector = COLLECTORS.iter().find(|collector| collector.branch == "pg_size");
    &collector.unwrap().query
}

/// The statement of `pg_size`, run when a part of its time is over already: in a transaction of another statement, whose limit and whose
/// beginning are its own.
fn sizes_after(cluster: &Cluster, seconds: f64) -> Vec<(String, String)> {
    let answer = cluster.psql(&format!(
        "create or replace function pg_temp.after(seconds float8) returns table (name text, bytes int8) language plpgsql as
         $f$ begin perform pg_sleep(seconds); return query {}; end $f$;
         set statement_timeout = '5s';
         select name || '=' || coalesce(bytes::text, 'none') from pg_temp.after({seconds})",
        statement()
    ));
    let rows = answer.lines().filter_map(|line| line.split_once('='));
    rows.map(|(name, bytes)| (name.to_owned(), bytes.to_owned()))
        .collect()
}

#[test]
fn databases_that_there_is_no_time_for_cost_their_own_sizes_alone() {
    for major in some_majors(&[10, 14, 18]) {
        let cluster = Cluster::start(major);
        let is_known = |(_, bytes): &&(String, String)| bytes != "none";
        let in_time = sizes_after(&cluster, 0.0);
        assert_eq!(in_time.iter().filter(is_known).count(), 5, "{in_time:?}");
        let late = sizes_after(&cluster, 4.2);
        let mut known: Vec<_> = late
            .iter()
            .filter(is_known)
            .map(|(name, _)| name.as_str())
            .collect();
        known.sort_unstable();
        assert_eq!(known, ["log", "wal"], "PostgreSQL {major}: {late:?}");
        assert_eq!(late.len(), 5, "a database has its series all the same");
    }
}

/// The order in which things are measured in a minute.
fn order(cluster: &Cluster, minute: usize) -> Vec<String> {
    let now = format!("pg_catalog.to_timestamp({})", 1_700_000_040 + 60 * minute);
    let answer = cluster.psql(&statement().replace("pg_catalog.now()", &now));
    let names = answer.lines().filter_map(|line| line.split_once('|'));
    names.map(|(name, _)| name.to_owned()).collect()
}

/// Whatever takes all of the time, or fails: what is behind it in one minute is in front of it soon.
#[test]
fn everything_has_its_turn_in_front_of_everything_else() {
    for major in some_majors(&[10, 18]) {
        let cluster = Cluster::start(major);
        (1..=5).for_each(|number| cluster.create_database(&format!("db{number}")));
        let orders: Vec<_> = (0..20).map(|minute| order(&cluster, minute)).collect();
        for order in &orders {
            assert_eq!(order.len(), 10, "{order:?}");
            assert_eq!(order[0], "wal");
        }
        let place = |order: &Vec<String>, name: &String| order.iter().position(|one| one == name);
        let names: Vec<_> = orders[0].iter().filter(|name| *name != "wal").collect();
        for one in &names {
            for other in names.iter().filter(|other| *other != one) {
                let before = orders
                    .iter()
                    .filter(|order| place(order, one) < place(order, other));
                let before = before.count();
                assert!(before >= 4, "{one} is before {other} in {before} of 20 minutes");
            }
        }
    }
}

/// A database whose files the server cannot look at costs those behind it in that minute, and no other part for good.
#[test]
fn what_cannot_be_measured_leaves_the_rest() {
    let cluster = Cluster::start(newest_major());
    for name in ["one", "two", "bad"] {
        cluster.create_database(name);
    }
    let oid = cluster.psql("select oid from pg_database where datname = 'bad'");
    let file = cluster.data().join("base").join(oid.trim()).join("loop");
    symlink("loop", &file).unwrap();
    let exporter = thorough(&cluster.url("postgres"), &Layer::patient(&[]));
    let page = exporter.scrape();
    assert_eq!(
        failures(&page),
        ["postgres pg_size other"],
        "{}",
        exporter.stderr()
    );
    assert!(value(&page, "pg_size_bytes", &[("datname", "wal")]) > 0.0);
    assert_eq!(page.value("pg_size_bytes", &[("datname", "bad")]), None);
    assert_eq!(
        value(
            &page,
            "pg_exporter_query_scrape_error_count",
            &[("query", "pg_size")]
        ),
        1.0
    );
    let _ = exporter.line_of_log("collector cut short");
    fs::remove_file(&file).unwrap();
    let page = exporter.scrape();
    assert_eq!(label_values(&page, "pg_size_bytes", "datname").len(), 8);
    let healed = value(
        &page,
        "pg_exporter_query_scrape_error_count",
        &[("query", "pg_size")],
    );
    assert_eq!(healed, 1.0);
}
