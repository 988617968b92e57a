//! The server answers, and says no.

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use pg_exporter_lab::process::{Signal, signal};
use pg_exporter_lab::{Cluster, Exporter, Session, newest_major, tool, wait_until};

use crate::support::{
    HEALTH_LIMIT, Layer, SOON, State, answer, assert_down, assert_nothing_of_the_target, assert_reason,
    assert_recovers, builder, cluster, count, exporter_of, page_within, wait_for_page, wait_for_state,
};
use crate::views::{assert_quiet, while_primary};

/// Takes every connection that there is. A slot that is being left counts as taken for a moment, so one refusal
/// does not mean much.
fn fill(cluster: &Cluster) -> Vec<Session> {
    let mut sessions = Vec::new();
    let mut refusals = 0;
    while refusals < 10 {
        if cluster.try_psql("postgres", "select 1").is_ok() {
            refusals = 0;
            sessions.push(cluster.session("postgres"));
        } else {
            refusals += 1;
            sleep(Duration::from_millis(50));
        }
    }
    sessions
}

#[test]
fn too_many_connections() {
    let cluster = Cluster::builder(newest_major())
        .set("max_connections", "12")
        .start();
    let connected = exporter_of(&cluster.url("postgres"));
    let mut sessions = fill(&cluster);
    let late = builder(&cluster.url("postgres")).start();
    assert_down(&late, HEALTH_LIMIT);
    assert_reason(&late, "53300");
    let (page, took) = page_within(&late, 2.0);
    assert_nothing_of_the_target(&page);
    assert!(took < Duration::from_secs(1), "{took:?}");
    // Who has connections keeps them.
    let (page, _) = while_primary(&connected, || page_within(&connected, 5.0));
    assert_eq!(page.value("pg_up", &[]), Some(1.0));
    // Its own and no more: the other has none.
    let ours = "select count(*) from pg_stat_activity where application_name = 'pg_exporter'";
    assert_eq!(sessions[0].exec(ours), "2");
    drop(sessions);
    assert_recovers(&late, State::Primary);
    wait_for_state(&connected, State::Primary, SOON);
    // One database: two of each.
    assert!(assert_quiet(&cluster) <= 4);
}

/// As in libpq: the next host is for when one is not there, not for when it will not have us.
#[test]
fn a_refusal_is_no_reason_to_try_the_next_host() {
    let (first, second) = (cluster(), cluster());
    for cluster in [&first, &second] {
        cluster.psql("create role monitor login; grant pg_monitor to monitor");
    }
    let open = "host all all 127.0.0.1/32 trust\n";
    first.write_file(
        "pg_hba.conf",
        &format!("host all monitor 127.0.0.1/32 reject\n{open}"),
    );
    first.reload();
    first.wait_for(
        "select count(*) from pg_hba_file_rules where auth_method = 'reject'",
        "1",
    );
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", first.port(), second.port());
    let url = format!("postgresql://monitor@{hosts}/postgres");
    let psql = || {
        let mut command = Command::new(tool("psql"));
        let output = command
            .args(["-X", "-w", "-Atc", "show port", "-d", &url])
            .output();
        output.unwrap()
    };
    assert!(!psql().status.success(), "{:?}", psql());
    let exporter = builder(&url).start();
    wait_for_state(&exporter, State::Down, SOON);
    assert_reason(
        &exporter,
        &format!("127.0.0.1:{}: pg_hba.conf rejects connection", first.port()),
    );
    assert_eq!(count(&second, "true"), 0, "the second host was not asked");
    // One that is not there is passed over, by both.
    first.stop();
    assert_eq!(psql().stdout, format!("{}\n", second.port()).as_bytes());
    assert_recovers(&exporter, State::Primary);
    assert!(count(&second, "true") > 0);
    // With none of them, both are named.
    second.stop();
    for cluster in [&first, &second] {
        let refused = format!(
            "127.0.0.1:{}: error connecting to server: Connection refused",
            cluster.port()
        );
        assert_reason(&exporter, &refused);
    }
}

#[test]
fn rejected_by_pg_hba() {
    let cluster = cluster();
    cluster.psql("create role monitor login; grant pg_monitor to monitor");
    let exporter = exporter_of(&cluster.url("postgres").replace("postgres@", "monitor@"));
    let rules = "host all monitor 127.0.0.1/32 reject\nhost all all 127.0.0.1/32 trust\n";
    cluster.write_file("pg_hba.conf", rules);
    cluster.reload();
    cluster.wait_for(
        "select count(*) from pg_hba_file_rules where auth_method = 'reject'",
        "1",
    );
    // The connections that are open stay; those to come are refused.
    assert_eq!(answer(&exporter, "/up").0, 200);
    wait_until("the rule is in force", SOON, || {
        cluster.psql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'monitor'");
        wait_for_state_now(&exporter, State::Down)
    });
    assert_reason(&exporter, "28000");
    assert_nothing_of_the_target(&page_within(&exporter, 2.0).0);
    cluster.write_file("pg_hba.conf", "host all all 127.0.0.1/32 trust\n");
    cluster.reload();
    assert_recovers(&exporter, State::Primary);
}

fn wait_for_state_now(exporter: &Exporter, state: State) -> bool {
    crate::support::wrong_answers(exporter, state).is_empty()
}

#[test]
fn a_database_that_is_missing() {
    let cluster = cluster();
    let exporter = builder(&cluster.url("later")).start();
    assert_down(&exporter, HEALTH_LIMIT);
    assert_reason(&exporter, "3D000");
    cluster.create_database("later");
    let page = assert_recovers(&exporter, State::Primary);
    assert!(
        page.value("pg_exporter_server_scrape_total_count", &[("datname", "later")])
            .is_some()
    );
}

/// A smart shutdown waits for who is connected and lets nobody in: a connected exporter serves on, a new one says why not.
#[test]
fn a_server_that_shuts_down() {
    let cluster = cluster();
    let connected = exporter_of(&cluster.url("postgres"));
    let _held = cluster.session("postgres");
    signal(cluster.pid(), Signal::TERM).unwrap();
    wait_until("nobody is let in", SOON, || {
        cluster
            .try_psql("postgres", "select 1")
            .is_err_and(|error| error.to_string().contains("shutting down"))
    });
    let late = builder(&cluster.url("postgres")).start();
    wait_for_state(&late, State::Starting, SOON);
    assert_reason(&late, "57P03");
    assert_nothing_of_the_target(&page_within(&late, 2.0).0);
    // Who is connected is served, but nobody else would be: that is what load balancers have to know.
    assert_eq!(page_within(&connected, 5.0).0.value("pg_up", &[]), Some(1.0));
    wait_for_state(&connected, State::Starting, SOON);
    assert_eq!(page_within(&connected, 5.0).0.value("pg_up", &[]), Some(1.0));
    // A fast one ends all of it.
    cluster.stop();
    for exporter in [&late, &connected] {
        wait_for_state(exporter, State::Down, HEALTH_LIMIT);
    }
    cluster.start_again();
    for exporter in [&late, &connected] {
        assert_recovers(exporter, State::Primary);
    }
}

#[test]
fn a_connection_limit_of_the_role() {
    let cluster = cluster();
    cluster.psql("create role monitor login connection limit 1; grant pg_monitor to monitor");
    let url = cluster.url("postgres").replace("postgres@", "monitor@");
    let mut held = 0;
    let exporter = builder(&url).start();
    // One connection is for the probe: health knows the role, scrapes have none left.
    wait_until("one of both has the connection", SOON, || {
        held = cluster
            .psql("select count(*) from pg_stat_activity where usename = 'monitor'")
            .parse()
            .unwrap();
        held == 1 && answer(&exporter, "/up").0 == 200
    });
    let (page, took) = page_within(&exporter, 2.0);
    assert_eq!(page.value("pg_up", &[]), Some(0.0));
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(
        answer(&exporter, "/primary"),
        (200, "primary".into()),
        "a scrape has no say in health"
    );
    assert_reason(&exporter, "53300");
    cluster.psql("alter role monitor connection limit -1");
    assert_recovers(&exporter, State::Primary);
}

/// Rights to a part only: the rest is served, and the refusals are not repeated at each scrape.
#[test]
fn a_role_without_rights() {
    let cluster = cluster();
    cluster.psql("create role nobody login; create table secret(n int)");
    let layer = Layer::new(
        "forbidden:\n  query: SELECT count(*) AS rows FROM public.secret\n  tags: [cluster]\n  metrics:\n    \
         - rows: { usage: GAUGE, description: Rows. }\n",
    );
    let exporter = builder(&cluster.url("postgres").replace("postgres@", "nobody@"))
        .arg(layer.flag())
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    wait_for_page(&exporter, 1.0);
    for _ in 0..10 {
        assert_eq!(page_within(&exporter, 5.0).0.value("pg_up", &[]), Some(1.0));
    }
    let (page, _) = page_within(&exporter, 5.0);
    let of = [("query", "forbidden"), ("reason", "permission")];
    assert_eq!(
        page.value("pg_exporter_query_failures_total", &of),
        Some(1.0),
        "paused after the first"
    );
    assert_eq!(page.value("forbidden_rows", &[]), None);
    assert_eq!(
        cluster
            .log()
            .matches("permission denied for table secret")
            .count(),
        1
    );
}
