//! The server ends connections and statements.

use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::{Cluster, newest_major};

use crate::support::{
    Layer, SLEEPING, SOON, State, answer, builder, cluster, exporter_of, page_within, wait_for,
    wait_for_page, wait_for_state,
};
use crate::views::{assert_failed, assert_quiet};

const TERMINATE: &str = "select count(pg_terminate_backend(pid)) > 0 from pg_stat_activity where application_name = 'pg_exporter'";

#[test]
fn terminated_between_scrapes() {
    let cluster = cluster();
    cluster.create_database("app");
    let exporter = exporter_of(&cluster.url("postgres"));
    let errors = |page: &pg_exporter_lab::Page| page.value("pg_exporter_scrape_error_count", &[]).unwrap();
    let before = errors(&page_within(&exporter, 5.0).0);
    for _ in 0..5 {
        assert_eq!(cluster.psql(TERMINATE), "t");
        let (page, _) = page_within(&exporter, 5.0);
        assert_eq!(page.value("pg_up", &[]), Some(1.0), "the scrape connects anew");
        assert!(
            page.samples
                .iter()
                .any(|s| s.name.starts_with("pg_relkind") && s.label("datname") == Some("app"))
        );
    }
    wait_for_state(&exporter, State::Primary, SOON);
    assert_eq!(errors(&page_within(&exporter, 5.0).0), before);
}

#[test]
fn terminated_during_a_scrape() {
    const VALUE: &str = "metrics: [ { value: { usage: GAUGE, description: Value. } } ]";
    let cluster = cluster();
    let layer = Layer::new(&format!(
        "slow: {{ query: SELECT 1 AS value FROM pg_catalog.pg_sleep(30), tags: [cluster], timeout: 60, priority: 1000, {VALUE} }}\n\
         behind: {{ query: SELECT 2 AS value, tags: [cluster], priority: 1001, {VALUE} }}\n"
    ));
    let exporter = builder(&cluster.url("postgres")).arg(layer.flag()).start();
    wait_for_state(&exporter, State::Primary, SOON);
    thread::scope(|scope| {
        let scrape = scope.spawn(|| page_within(&exporter, 25.0));
        cluster.wait_for(SLEEPING, "1");
        assert_eq!(cluster.psql(TERMINATE), "t");
        let (page, took) = scrape.join().unwrap();
        assert!(took < Duration::from_secs(10), "{took:?}");
        assert_eq!(page.value("slow_value", &[]), None);
        // Nobody knows who ended it. The server lets us in again: what is behind it goes on.
        assert_eq!(page.value("pg_up", &[]), Some(1.0), "{}", exporter.stderr());
        assert_eq!(page.value("behind_value", &[]), Some(2.0));
        assert!(page.all("pg_relkind_count").count() > 0);
        assert_failed(&exporter, &page, "slow", "connection", "57P01");
    });
    wait_for_state(&exporter, State::Primary, SOON);
    // Without what keeps it waiting, the next page is whole.
    layer.replace("{}");
    assert_eq!(exporter.get("/reload").status, 200);
    wait_for_page(&exporter, 1.0);
    assert_quiet(&cluster);
}

#[test]
fn a_cancelled_statement_costs_its_collector_alone() {
    let cluster = cluster();
    let layer = Layer::slow(30.0, 60.0);
    let exporter = builder(&cluster.url("postgres")).arg(layer.flag()).start();
    wait_for_state(&exporter, State::Primary, SOON);
    thread::scope(|scope| {
        let scrape = scope.spawn(|| page_within(&exporter, 25.0));
        cluster.wait_for(SLEEPING, "1");
        cluster.psql("select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'");
        let (page, took) = scrape.join().unwrap();
        assert!(took < Duration::from_secs(10), "{took:?}");
        assert_eq!(page.value("pg_up", &[]), Some(1.0));
        assert_eq!(page.value("slow_value", &[]), None);
        assert_failed(&exporter, &page, "slow", "other", "57014");
    });
    wait_for_state(&exporter, State::Primary, SOON);
    assert_quiet(&cluster);
}

/// Replay does not wait for a standby's statements: one that needs rows which the primary has vacuumed away is cancelled.
#[test]
fn a_recovery_conflict_costs_its_collector_alone() {
    let primary = cluster();
    primary.psql("create table t as select generate_series(1, 1000) n");
    let standby = Cluster::builder(newest_major())
        .set("max_standby_streaming_delay", "0")
        .set("hot_standby_feedback", "off")
        .start_standby_of(&primary);
    let layer = Layer::new(
        "slow:\n  query: SELECT count(*) AS value FROM public.t, LATERAL (SELECT pg_catalog.pg_sleep(0.05 + n * 0)) s\n  \
         tags: [cluster]\n  timeout: 60\n  priority: 1000\n  metrics:\n    \
         - value: { usage: GAUGE, description: Rows. }\n",
    );
    let exporter = builder(&standby.url("postgres")).arg(layer.flag()).start();
    wait_for_state(&exporter, State::Replica, SOON);
    thread::scope(|scope| {
        let scrape = scope.spawn(|| page_within(&exporter, 45.0));
        standby.wait_for(SLEEPING, "1");
        primary.psql("delete from t");
        primary.psql("vacuum t");
        let (page, took) = scrape.join().unwrap();
        assert!(took < Duration::from_secs(30), "{took:?}");
        assert_eq!(page.value("pg_up", &[]), Some(1.0));
        assert_eq!(page.value("slow_value", &[]), None);
        assert_failed(&exporter, &page, "slow", "other", "40001");
    });
    assert!(exporter.logs("(SQLSTATE 40001)"), "{}", exporter.stderr());
    wait_for_state(&exporter, State::Replica, SOON);
    assert_quiet(&standby);
}

#[test]
fn idle_sessions_ended_by_the_server() {
    let cluster = cluster();
    cluster.psql("alter system set idle_session_timeout = '300ms'");
    cluster.reload();
    cluster.wait_for("show idle_session_timeout", "300ms");
    let exporter = exporter_of(&cluster.url("postgres"));
    let mut pages = 0;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        let (page, _) = page_within(&exporter, 5.0);
        assert_eq!(page.value("pg_up", &[]), Some(1.0), "page {pages}");
        assert_eq!(
            answer(&exporter, "/primary"),
            (200, "primary".into()),
            "page {pages}"
        );
        // Longer than the server allows, so that each scrape finds its connection gone.
        cluster.wait_for(
            "select count(*) from pg_stat_activity where application_name = 'pg_exporter'",
            "0",
        );
        pages += 1;
    }
    assert!(pages >= 4, "{pages}");
    assert!(cluster.log().contains("idle-session timeout"));
    // An end between scrapes is no failure of anything.
    let (page, _) = page_within(&exporter, 5.0);
    let failures = page.all("pg_exporter_query_failures_total");
    let failed: Vec<_> = failures.filter(|sample| sample.value > 0.0).collect();
    assert!(failed.is_empty(), "{failed:?}");
    cluster.psql("alter system reset idle_session_timeout");
    cluster.reload();
    wait_for_state(&exporter, State::Primary, SOON);
    assert_quiet(&cluster);
}

/// DDL under a prepared statement: it is prepared anew within the same scrape.
#[test]
fn a_table_changes_under_a_prepared_statement() {
    let cluster = cluster();
    cluster.psql("create table watched(value int); insert into watched values (1)");
    let layer = Layer::new(
        "watched:\n  query: SELECT * FROM public.watched\n  metrics:\n    \
         - value: { usage: GAUGE, description: The value. }\n",
    );
    let exporter = builder(&cluster.url("postgres"))
        .args([layer.flag(), "--no-builtin".into()])
        .start();
    wait_for(&exporter, "the value", |page| {
        page.value("watched_value", &[]) == Some(1.0)
    });
    cluster.psql("alter table watched add other text; update watched set value = 2");
    let (page, _) = page_within(&exporter, 5.0);
    assert_eq!(
        page.value("watched_value", &[]),
        Some(2.0),
        "{}",
        exporter.stderr()
    );
    cluster.psql("alter table watched alter value type numeric using 3.5");
    let (page, _) = page_within(&exporter, 5.0);
    assert_eq!(
        page.value("watched_value", &[]),
        Some(3.5),
        "{}",
        exporter.stderr()
    );
}
