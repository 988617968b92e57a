//! How often the exporter knocks, by the server's own log.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use pg_exporter_lab::{Cluster, Exporter, newest_major};

use crate::support::{
    HEALTH_LIMIT, SOON, State, assert_nothing_of_the_target, assert_recovers, builder, page_within, wait_for,
    wait_for_state,
};

const WATCHED: Duration = Duration::from_secs(8);

fn logging() -> Cluster {
    Cluster::builder(newest_major())
        .set("log_connections", "on")
        .start()
}

/// Connections to the server so far that were refused, by its log.
fn refused(cluster: &Cluster, text: &str) -> usize {
    cluster.log().matches(text).count()
}

/// Who did not wait would have tried at each page: there are so many that it would show, however busy the machine is; in each
/// database, where all are refused.
#[track_caller]
fn assert_few(attempts: usize, pages: usize, databases: usize, expected: RangeInclusive<usize>) {
    assert!(
        pages * databases >= 2 * expected.end(),
        "only {pages} pages: the machine is too slow to tell"
    );
    assert!(expected.contains(&attempts), "{attempts} attempts, {pages} pages");
}

/// Scrapes for a while, twenty times a second where the machine can.
fn scrape_often(exporter: &Exporter) -> usize {
    let begun = Instant::now();
    let mut pages = 0;
    while begun.elapsed() < WATCHED {
        assert_nothing_of_the_target(&page_within(exporter, 2.0).0);
        pages += 1;
        std::thread::sleep(Duration::from_millis(50));
    }
    pages
}

#[test]
fn refused_connects_back_off() {
    let cluster = logging();
    cluster.psql("create role monitor login");
    let allowed = "host all all 127.0.0.1/32 trust\n";
    cluster.write_file(
        "pg_hba.conf",
        &format!("host all monitor 127.0.0.1/32 reject\n{allowed}"),
    );
    cluster.reload();
    cluster.wait_for(
        "select count(*) from pg_hba_file_rules where auth_method = 'reject'",
        "1",
    );
    let exporter = builder(&cluster.url("postgres").replace("postgres@", "monitor@")).start();
    wait_for_state(&exporter, State::Down, HEALTH_LIMIT);
    // The probe alone tries as often as its waits let it, at most once a second: at 0, 1, 2, 3, 4, 6, 10 s or so.
    std::thread::sleep(Duration::from_secs(12));
    let before = refused(&cluster, "pg_hba.conf rejects connection");
    assert!(
        (4..=9).contains(&before),
        "{before} attempts of the probe in 12 s"
    );
    let pages = scrape_often(&exporter);
    let attempts = refused(&cluster, "pg_hba.conf rejects connection") - before;
    eprintln!(
        "{pages} pages in {WATCHED:?}: {attempts} attempts to connect, {before} of the probe in 12 s before"
    );
    // The scrapes' at 0, 0.1, 0.3, 0.7, 1.5, 3.1, 6.3 s, with jitter, and one or two of the probe.
    assert_few(attempts, pages, 1, 5..=11);
    cluster.write_file("pg_hba.conf", allowed);
    cluster.reload();
    assert_recovers(&exporter, State::Primary);
}

/// What concerns the role is not tried out on every database: accounts are locked for less.
#[test]
fn a_password_that_is_wrong_for_all_is_tried_on_one() {
    let cluster = logging();
    cluster.psql("create role monitor login password 'old'; grant pg_monitor to monitor");
    for number in 1..=20 {
        cluster.create_database(&format!("app_{number}"));
    }
    cluster.write_file(
        "pg_hba.conf",
        "host all monitor 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n",
    );
    cluster.reload();
    cluster.wait_for(
        "select count(*) from pg_hba_file_rules where auth_method = 'scram-sha-256'",
        "1",
    );
    let url = cluster.url("postgres").replace("postgres@", "monitor:old@");
    let exporter = builder(&url).arg("--max-connections=30").start();
    wait_for(&exporter, "all databases", |page| {
        let connected = page.all("pg_exporter_server_scrape_total_count");
        connected.filter(|sample| sample.value > 0.0).count() == 21
    });
    cluster.psql("alter role monitor password 'new'");
    cluster.psql(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pg_exporter'",
    );
    let pages = scrape_often(&exporter);
    let attempts = refused(&cluster, "password authentication failed for user");
    eprintln!("{pages} pages in {WATCHED:?}: {attempts} attempts with the wrong password, 21 databases");
    // The probe's and the URL's database's, as above.
    assert_few(attempts, pages, 21, 6..=17);
    cluster.psql("alter role monitor password 'old'");
    assert_recovers(&exporter, State::Primary);
}

/// One database that refuses is not asked at every scrape either.
#[test]
fn a_refusing_database_backs_off_by_itself() {
    let cluster = logging();
    cluster.create_database("crowded");
    cluster.psql(
        "create role monitor login; grant pg_monitor to monitor; alter database crowded connection limit 0",
    );
    let exporter = builder(&cluster.url("postgres").replace("postgres@", "monitor@")).start();
    wait_for_state(&exporter, State::Primary, SOON);
    let begun = Instant::now();
    let mut pages = 0;
    while begun.elapsed() < WATCHED {
        assert_eq!(page_within(&exporter, 5.0).0.value("pg_up", &[]), Some(1.0));
        pages += 1;
        std::thread::sleep(Duration::from_millis(50));
    }
    let attempts = refused(&cluster, "too many connections for database \"crowded\"");
    eprintln!("{pages} pages in {WATCHED:?}: {attempts} attempts on the refusing database");
    assert_few(attempts, pages, 1, 3..=9);
}
