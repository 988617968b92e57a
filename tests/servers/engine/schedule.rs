//! When a collector runs: cache, retries, back-off, pauses, stale results.

use pg_exporter_lab::{Cluster, Page, newest_major, wait_until};

use super::{Own, about, database, databases};
use crate::support::{PATIENCE, failures, value};

const CLOCKS: &str = "
kept: { query: 'SELECT extract(epoch FROM clock_timestamp())::float8 AS at', ttl: 3600, metrics: [ { at: { usage: GAUGE, description: Time. } } ] }
fresh: { query: 'SELECT extract(epoch FROM clock_timestamp())::float8 AS at', metrics: [ { at: { usage: GAUGE, description: Time. } } ] }
brief: { query: 'SELECT extract(epoch FROM clock_timestamp())::float8 AS at', ttl: 0.3, metrics: [ { at: { usage: GAUGE, description: Time. } } ] }
";

#[test]
fn a_result_is_served_for_its_ttl() {
    for cluster in databases("ttl") {
        let own = Own::start(cluster, "ttl", CLOCKS);
        let (first, second) = (own.scrape(), own.scrape());
        let at = |page: &Page, name: &str| value(page, &format!("{name}_at"), &[]);
        assert_eq!(at(&first, "kept"), at(&second, "kept"));
        assert!(at(&first, "fresh") < at(&second, "fresh"));
        wait_until("the ttl is over", PATIENCE, || {
            at(&own.scrape(), "brief") > at(&first, "brief")
        });
        assert_eq!(at(&own.scrape(), "kept"), at(&first, "kept"));
        assert_eq!(about(&own.scrape(), "scrape_hit_count", "fresh"), 0.0);
    }
}

#[test]
fn without_cache_everything_runs_each_time() {
    let cluster = database("no_cache");
    let own = Own::with(
        cluster,
        "no_cache",
        CLOCKS,
        &["--auto-discovery=false", "--disable-cache"],
    );
    let (first, second) = (own.scrape(), own.scrape());
    assert!(value(&first, "kept_at", &[]) < value(&second, "kept_at", &[]));
    assert_eq!(about(&second, "scrape_hit_count", "kept"), 0.0);
}

/// The server's own count of executions.
#[test]
fn a_cached_collector_leaves_the_server_alone() {
    let cluster = database("executions");
    cluster.psql_in("executions", "create extension if not exists pg_stat_statements");
    let marked = CLOCKS.replace(
        "clock_timestamp()",
        "clock_timestamp() + interval ''0 s'' * 271828",
    );
    let own = Own::start(cluster, "executions", &marked);
    for _ in 0..5 {
        own.scrape();
    }
    let calls = "select sum(calls) from pg_stat_statements s join pg_database d on d.oid = s.dbid
                 where datname = 'executions' and query like '%clock_timestamp() + interval%' and query not like '%pg_stat_statements%'";
    // One of kept, five of fresh, and what time let brief have.
    let calls: u32 = cluster.psql_in("executions", calls).parse().unwrap();
    assert!((7..=11).contains(&calls), "{calls}");
}

const DIVISION: &str = "
ratio:
  query: SELECT 10 / n AS value FROM divisor
  ttl: 3600
  metrics: [ { value: { usage: GAUGE, description: Ratio. } } ]
steady:
  query: SELECT 1 AS one
  metrics: [ { one: { usage: GAUGE, description: One. } } ]
";

#[test]
fn a_failure_is_not_cached_and_tried_again() {
    for cluster in databases("retry") {
        cluster.psql_in("retry", "create table divisor as select 0 as n");
        let own = Own::start(cluster, "retry", DIVISION);
        let page = own.scrape();
        assert_eq!(failures(&page), ["retry ratio cast"]);
        assert_eq!(
            (page.value("ratio_value", &[]), page.value("steady_one", &[])),
            (None, Some(1.0))
        );
        assert_eq!(value(&page, "pg_up", &[]), 1.0, "it is not fatal");
        cluster.psql_in("retry", "update divisor set n = 5");
        let page = own.scrape();
        assert_eq!(value(&page, "ratio_value", &[]), 2.0);
        assert_eq!(about(&page, "scrape_error_count", "ratio"), 1.0);
        assert_eq!(about(&page, "cache_ttl", "ratio"), 3600.0);
    }
}

#[test]
fn tries_become_rare_when_a_collector_keeps_failing() {
    let cluster = database("backoff");
    cluster.psql_in("backoff", "create table divisor as select 0 as n");
    let own = Own::start(cluster, "backoff", DIVISION);
    let rounds = 30;
    let page = (0..rounds).map(|_| own.scrape()).last().unwrap();
    let errors = about(&page, "scrape_error_count", "ratio");
    assert!(
        (2.0..f64::from(rounds) / 2.0).contains(&errors),
        "{errors} of {rounds}"
    );
    assert_eq!(about(&page, "scrape_total_count", "ratio"), f64::from(rounds));
    // Once it works it runs at its turn, and is cached.
    cluster.psql_in("backoff", "update divisor set n = 2");
    wait_until("it is tried again", PATIENCE, || {
        own.scrape().value("ratio_value", &[]) == Some(5.0)
    });
}

#[test]
fn a_missing_table_pauses_its_collector_until_the_next_plan() {
    // A cluster of its own: a database that another test creates is a fact that changes.
    let cluster = &Cluster::start(newest_major());
    cluster.create_database("pause");
    let own = Own::start(cluster, "pause", DIVISION);
    for _ in 0..5 {
        assert_eq!(failures(&own.scrape()), ["pause ratio missing_object"]);
    }
    assert_eq!(about(&own.scrape(), "scrape_error_count", "ratio"), 1.0);
    let asked = cluster
        .log()
        .matches("relation \"divisor\" does not exist")
        .count();
    assert_eq!(asked, 1, "the server's log is not filled");
    cluster.psql_in("pause", "create table divisor as select 5 as n");
    assert_eq!(
        own.scrape().value("ratio_value", &[]),
        None,
        "it is not tried before"
    );
    // A fact changes, the plan is made anew, and with it the collector's chance.
    cluster.create_database("pause_more");
    assert_eq!(value(&own.scrape(), "ratio_value", &[]), 2.0);
}

#[test]
fn a_reload_ends_pauses_although_nothing_changed() {
    // A cluster of its own: a database that another test creates is a fact that changes.
    let cluster = &Cluster::start(newest_major());
    cluster.create_database("unpause");
    let own = Own::start(cluster, "unpause", DIVISION);
    assert_eq!(failures(&own.scrape()), ["unpause ratio missing_object"]);
    cluster.psql_in("unpause", "create table divisor as select 5 as n");
    assert_eq!(own.scrape().value("ratio_value", &[]), None, "it rests");
    assert_eq!(own.exporter.request("POST", "/reload", &[]).status, 200);
    assert_eq!(value(&own.scrape(), "ratio_value", &[]), 2.0);
}

#[test]
fn a_reload_is_in_force_at_the_next_scrape() {
    let cluster = database("reload");
    let own = Own::start(cluster, "reload", DIVISION);
    let reload = || own.exporter.request("POST", "/reload", &[]).status;
    assert_eq!(failures(&own.scrape()), ["reload ratio missing_object"]);
    cluster.psql_in("reload", "create table divisor as select 2 as n");
    // What has changed is not paused any more.
    own.layer.write(&DIVISION.replace("10 / n", "20 / n"));
    assert_eq!(reload(), 200);
    assert_eq!(value(&own.scrape(), "ratio_value", &[]), 10.0);
    let seven =
        "steady: { query: SELECT 7 AS seven, metrics: [ { seven: { usage: GAUGE, description: Seven. } } ] }";
    own.layer.write(seven);
    assert_eq!(reload(), 200);
    let page = own.scrape();
    assert_eq!(
        (page.value("steady_seven", &[]), page.value("ratio_value", &[])),
        (Some(7.0), None)
    );
    own.layer.write(&seven.replace("GAUGE", "NONSENSE"));
    assert_eq!(reload(), 500);
    assert_eq!(
        value(&own.scrape(), "steady_seven", &[]),
        7.0,
        "the old set stays"
    );
}

#[test]
fn the_last_good_result_outlives_failures_for_max_stale() {
    let cluster = database("stale");
    cluster.psql_in("stale", "create table divisor as select 5 as n");
    let lenient = DIVISION
        .replace("ratio:", "lenient:")
        .replace("ttl: 3600", "max_stale: 3600");
    let yaml = format!(
        "{lenient}{}",
        DIVISION
            .replace("ttl: 3600", "ttl: 0")
            .replace("steady:", "other:")
    );
    let own = Own::start(cluster, "stale", &yaml);
    own.scrape();
    cluster.psql_in("stale", "update divisor set n = 0");
    let page = own.scrape();
    assert_eq!(failures(&page), ["stale lenient cast", "stale ratio cast"]);
    assert_eq!(
        (page.value("lenient_value", &[]), page.value("ratio_value", &[])),
        (Some(2.0), None)
    );
    assert!(about(&page, "cache_age_seconds", "lenient") > 0.0);
}
