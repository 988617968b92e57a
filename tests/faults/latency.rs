//! A long line: statements are pipelined, so its delay is paid a few times for each page and not for each statement.

use std::thread;
use std::time::Duration;

use pg_exporter_lab::{Cluster, Exporter, FaultProxy, Page};

use crate::support::{
    SOON, State, assert_recovers, builder, cluster, page_within, wait_for, wait_for_state, wrong_answers,
};
use crate::views::{assert_quiet, while_primary};

/// Databases besides the URL's.
const DATABASES: [&str; 3] = ["one", "two", "three"];

/// Round trips that a page may cost: one for the facts of the URL's database, then one for the facts and one for the
/// statements of the others, all of them at the same time.
const ROUND_TRIPS: f64 = 3.0;

/// Pages of which the fastest counts: what else the machine does is not the line's delay.
const PAGES: u32 = 7;

/// The time of the fastest of some whole pages. On a busy machine a collector may reach its own limit on the server, in
/// which case its page says nothing of the line.
fn fastest(exporter: &Exporter, what: &str, is_whole: impl Fn(&Page) -> bool) -> Duration {
    let mut times = Vec::new();
    for _ in 0..4 * PAGES {
        let (page, took) = page_within(exporter, 20.0);
        let wrong = wrong_answers(exporter, State::Primary);
        assert!(wrong.is_empty(), "{what}: {wrong:?}");
        if page.value("pg_up", &[]) == Some(1.0) && is_whole(&page) {
            times.push(took);
        }
        if times.len() == PAGES as usize {
            break;
        }
    }
    assert_eq!(
        times.len(),
        PAGES as usize,
        "{what}: too few whole pages: {}",
        exporter.stderr()
    );
    times.into_iter().min().unwrap_or_default()
}

fn is_whole(page: &Page) -> bool {
    DATABASES.iter().all(|name| {
        page.all("pg_relkind_count")
            .any(|sample| sample.label("datname") == Some(name))
    })
}

#[test]
fn a_scrape_of_the_full_set_pays_for_it_a_few_times() {
    let cluster = cluster();
    let proxy = FaultProxy::start(cluster.port());
    let start = || {
        let exporter = builder(&proxy.url("postgres"))
            .args(["--disable-cache", "--connect-timeout=5s"])
            .start();
        wait_for_state(&exporter, State::Primary, SOON);
        wait_for(&exporter, "its databases", |page| {
            page.value("pg_up", &[]) == Some(1.0)
        });
        exporter
    };
    let single = start();
    // The first with one database alone, the second with four.
    let mut near = Duration::ZERO;
    for round_trip in [0, 20, 200] {
        proxy.latency(Duration::from_millis(round_trip / 2));
        let took = fastest(&single, &format!("at {round_trip} ms"), |_| true);
        if round_trip == 0 {
            near = took;
        }
        check("1 database", round_trip, near, took);
    }
    proxy.latency(Duration::ZERO);
    drop(single);
    for name in DATABASES {
        cluster.create_database(name);
    }
    let several = start();
    wait_for(&several, "all databases", is_whole);
    let near = fastest(&several, "without a delay", is_whole);
    check("4 databases", 0, near, near);
    for round_trip in [20, 200] {
        proxy.latency(Duration::from_millis(round_trip / 2));
        let took = fastest(&several, &format!("at {round_trip} ms"), is_whole);
        check("4 databases", round_trip, near, took);
    }
    proxy.latency(Duration::ZERO);
    assert_recovers(&several, State::Primary);
    assert_quiet(&cluster);
}

#[track_caller]
fn check(what: &str, round_trip: u64, near: Duration, took: Duration) {
    let milliseconds = took.saturating_sub(near).as_secs_f64() * 1e3;
    let paid = if round_trip == 0 {
        0.0
    } else {
        milliseconds / round_trip as f64
    };
    eprintln!(
        "{what}, {round_trip} ms of latency: a page in {took:.1?}, {paid:.1} round trips more than without"
    );
    // What else is paid is the machine's: a page's time varies by some 50 ms.
    let slack = if round_trip >= 200 { 0.25 } else { 2.5 };
    assert!(
        paid < ROUND_TRIPS + slack,
        "{what}, {round_trip} ms: {paid:.1} round trips"
    );
    assert!(
        round_trip < 200 || paid > 0.9,
        "{what}: no delay was added: {paid:.1}"
    );
}

/// A server with TLS that asks for a password: its start-up exchange is the longest that there is.
fn guarded() -> Cluster {
    let cluster = cluster();
    cluster.psql("create role monitor login password 's3cret'; grant pg_monitor to monitor");
    let pair = rcgen::generate_simple_self_signed(["db.test".to_owned()]).unwrap();
    cluster.write_file("server.crt", &pair.cert.pem());
    cluster.write_file("server.key", &pair.signing_key.serialize_pem());
    cluster.set("ssl", "on");
    cluster.write_file(
        "pg_hba.conf",
        "hostssl all monitor 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 trust\n",
    );
    cluster.restart();
    cluster
}

/// With the timeouts that nobody has set.
#[test]
fn a_server_at_the_other_end_of_the_world_is_up() {
    let cluster = guarded();
    let proxy = FaultProxy::start(cluster.port());
    proxy.latency(Duration::from_millis(100));
    let url = proxy.url("postgres").replace("postgres@", "monitor:s3cret@");
    let exporter = builder(&format!("{url}?sslmode=require")).start();
    wait_for_state(&exporter, State::Primary, SOON);
    wait_for(&exporter, "a whole page", |page| {
        page.value("pg_up", &[]) == Some(1.0) && page.all("pg_relkind_count").count() > 0
    });
    while_primary(&exporter, || page_within(&exporter, 10.0));
    assert_quiet(&cluster);
    let log = exporter.final_log();
    assert!(
        !log.contains("did not answer") && !log.contains("to=down"),
        "{log}"
    );
}

/// What a client in a hurry begins has not even connected when its time is over: who joins gives it more.
#[test]
fn who_joins_a_client_in_a_hurry_over_a_long_line_has_a_page() {
    let cluster = cluster();
    let proxy = FaultProxy::start(cluster.port());
    let exporter = builder(&proxy.url("postgres"))
        .arg("--connect-timeout=10s")
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    proxy.latency(Duration::from_millis(250));
    thread::scope(|scope| {
        scope.spawn(|| {
            let hurry = [("X-Prometheus-Scrape-Timeout-Seconds", "0.05")];
            exporter.request("GET", "/metrics", &hurry)
        });
        thread::sleep(Duration::from_millis(300));
        let (page, _) = page_within(&exporter, 20.0);
        assert_eq!(page.value("pg_up", &[]), Some(1.0), "{}", exporter.stderr());
        assert!(page.all("pg_relkind_count").count() > 0, "{}", exporter.stderr());
    });
    assert_quiet(&cluster);
}
