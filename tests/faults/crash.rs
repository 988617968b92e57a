//! The server dies, freezes, starts again.

use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::process::{Signal, signal};
use pg_exporter_lab::{Cluster, majors, wait_until};

use crate::support::{
    HEALTH_LIMIT, Layer, SLEEPING, SOON, State, answer, assert_down, assert_nothing_of_the_target,
    assert_recovers, backends, builder, cluster, exporter_of, page_within, wait_for_page, wait_for_state,
};
use crate::views::assert_quiet;

#[test]
fn a_killed_backend_costs_a_recovery() {
    let cluster = cluster();
    let exporter = exporter_of(&cluster.url("postgres"));
    let before = backends(&cluster);
    let own = "select pid from pg_stat_activity where application_name = 'pg_exporter' limit 1";
    cluster.kill_backend(cluster.psql(own).parse().unwrap());
    // The server ends all connections and recovers; the page comes meanwhile, whatever it says.
    // The health paths say what they know: that of before, or of a server that starts or is away, and nothing else.
    let (page, _) = thread::scope(|scope| {
        let scrape = scope.spawn(|| page_within(&exporter, 2.0));
        while !scrape.is_finished() {
            let (status, state) = answer(&exporter, "/rw");
            let is_known = [(200, "primary"), (503, "starting"), (503, "down")].contains(&(status, &*state));
            assert!(is_known, "{status} {state}");
        }
        scrape.join().unwrap()
    });
    match page.value("pg_up", &[]) {
        Some(1.0) => {}
        _ => assert_nothing_of_the_target(&page),
    }
    // Before the server has noticed, everything is as ever.
    wait_until("the server noticed", SOON, || {
        cluster.log().contains("terminated by signal 9")
    });
    assert_recovers(&exporter, State::Primary);
    wait_until("there are as many backends as before", SOON, || {
        backends(&cluster) == before
    });
    assert_quiet(&cluster);
}

#[test]
fn an_immediate_restart() {
    let cluster = cluster();
    let exporter = exporter_of(&cluster.url("postgres"));
    let started = page_within(&exporter, 5.0).0.value("pg_boot_time", &[]).unwrap();
    signal(cluster.pid(), Signal::QUIT).unwrap();
    assert_down(&exporter, HEALTH_LIMIT);
    cluster.kill9();
    cluster.start_again();
    let page = assert_recovers(&exporter, State::Primary);
    assert!(
        page.value("pg_boot_time", &[]).unwrap() > started,
        "nothing of the time before is served"
    );
}

#[test]
fn a_server_killed_as_a_whole() {
    let cluster = cluster();
    let exporter = exporter_of(&cluster.url("postgres"));
    cluster.kill9();
    let (page, took) = page_within(&exporter, 2.0);
    assert_nothing_of_the_target(&page);
    assert!(
        took < Duration::from_secs(1),
        "a refused connection is known at once, not after {took:?}"
    );
    assert_down(&exporter, HEALTH_LIMIT);
    cluster.start_again();
    assert_recovers(&exporter, State::Primary);
    assert!(cluster.log().contains("was not properly shut down"));
}

#[test]
fn a_fast_restart_during_a_scrape() {
    let cluster = cluster();
    let layer = Layer::slow(30.0, 60.0);
    let exporter = builder(&cluster.url("postgres")).arg(layer.flag()).start();
    wait_for_state(&exporter, State::Primary, SOON);
    thread::scope(|scope| {
        let scrape = scope.spawn(|| page_within(&exporter, 20.0));
        cluster.wait_for(SLEEPING, "1");
        cluster.restart();
        let (page, took) = scrape.join().unwrap();
        assert!(
            took < Duration::from_secs(10),
            "the page does not wait for what is lost: {took:?}"
        );
        assert_eq!(page.value("pg_up", &[]), Some(0.0));
    });
    wait_for_state(&exporter, State::Primary, SOON);
}

#[test]
fn a_frozen_server() {
    freeze_watched(&cluster());
}

#[test]
fn a_frozen_server_of_the_oldest_version() {
    freeze_watched(&Cluster::start(majors()[0]));
}

fn freeze_watched(cluster: &Cluster) {
    let exporter = exporter_of(&cluster.url("postgres"));
    cluster.pause();
    let frozen = Instant::now();
    let (page, took) = thread::scope(|scope| {
        let scrape = scope.spawn(|| page_within(&exporter, 5.0));
        wait_for_state(&exporter, State::Down, HEALTH_LIMIT);
        let known = frozen.elapsed();
        assert!(known < HEALTH_LIMIT, "{known:?}");
        let (page, took) = scrape.join().unwrap();
        eprintln!(
            "frozen server: every health path says so after {known:.2?}, the page came after {took:.2?}"
        );
        (page, took)
    });
    assert_nothing_of_the_target(&page);
    assert!(
        took < HEALTH_LIMIT,
        "the page gives the server up after the connect timeout, not after {took:?}"
    );
    for _ in 0..3 {
        assert_down(&exporter, Duration::from_secs(1));
    }
    cluster.resume();
    assert_recovers(&exporter, State::Primary);
    assert_quiet(cluster);
}

#[test]
fn a_server_that_freezes_during_a_scrape() {
    let cluster = cluster();
    let layer = Layer::slow(1.0, 1.5);
    let exporter = builder(&cluster.url("postgres")).arg(layer.flag()).start();
    wait_for_state(&exporter, State::Primary, SOON);
    thread::scope(|scope| {
        let scrape = scope.spawn(|| page_within(&exporter, 4.0));
        cluster.wait_for(SLEEPING, "1");
        cluster.pause();
        wait_for_state(&exporter, State::Down, HEALTH_LIMIT);
        let (page, _) = scrape.join().unwrap();
        assert_eq!(page.value("pg_up", &[]), Some(0.0));
        assert_eq!(page.value("slow_value", &[]), None);
    });
    cluster.resume();
    assert_recovers(&exporter, State::Primary);
    assert_quiet(&cluster);
}

#[test]
fn a_frozen_backend_alone_does_not_take_the_target_down() {
    let cluster = cluster();
    let exporter = exporter_of(&cluster.url("postgres"));
    // One for the probe, which asks each second, and one for scrapes, of which there are none now.
    let own = "from pg_stat_activity where application_name = 'pg_exporter'";
    cluster.wait_for(
        &format!("select count(*) = 2 and max(state_change) - min(state_change) > '500 ms' {own}"),
        "t",
    );
    let pid = cluster
        .psql(&format!("select pid {own} order by state_change limit 1"))
        .parse()
        .unwrap();
    signal(pid, Signal::STOP).unwrap();
    // The page whose scrape finds it may be lost; the next one has a connection of its own.
    page_within(&exporter, 5.0);
    assert_eq!(answer(&exporter, "/primary"), (200, "primary".into()));
    let begun = Instant::now();
    wait_for_page(&exporter, 1.0);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(answer(&exporter, "/primary"), (200, "primary".into()));
    signal(pid, Signal::CONT).unwrap();
    cluster.wait_for(
        &format!("select count(*) from pg_stat_activity where pid = {pid}"),
        "0",
    );
}
