//! The way to the server: slow, silent, cut.

use std::time::Duration;

use pg_exporter_lab::page::Sample;
use pg_exporter_lab::{Exporter, FaultProxy, Mode, Page, newest_major, shared, wait_until};

use crate::path::{BlackHole, Path};
use crate::support::{
    HEALTH_LIMIT, SOON, State, assert_down, assert_nothing_of_the_target, assert_recovers, builder,
    exporter_of, page_within, wait_for_state,
};
use crate::views::{assert_quiet_of, named, while_primary};

/// The way to the server that tests share; the server knows the exporter by that name.
fn through_proxy(name: &str) -> (FaultProxy, Exporter) {
    let proxy = FaultProxy::start(shared(newest_major()).port());
    let exporter = exporter_of(&named(&proxy.url("postgres"), name));
    (proxy, exporter)
}

/// All is well again: the paths, the page, and the server, which has nothing left over of the fault.
#[track_caller]
fn assert_well_again(exporter: &Exporter, name: &str) {
    assert_recovers(exporter, State::Primary);
    let backends = assert_quiet_of(shared(newest_major()), name);
    assert!(backends > 0, "the server knows nobody of the name {name}");
}

/// Series of the target, without the exporter's own.
fn series(page: &Page) -> usize {
    let is_own = |name: &str| name.starts_with("pg_exporter_") || name.starts_with("process_");
    page.samples.iter().filter(|sample| !is_own(&sample.name)).count()
}

#[test]
fn a_network_that_hangs() {
    let (proxy, exporter) = through_proxy("hangs");
    proxy.mode(Mode::Hang);
    let (page, took) = page_within(&exporter, 4.0);
    assert_nothing_of_the_target(&page);
    eprintln!("hanging network: the page came after {took:.2?}");
    assert_down(&exporter, HEALTH_LIMIT);
    // In between, with the back-off, there is nothing to wait for.
    let quickest = (0..5).map(|_| page_within(&exporter, 4.0).1).min();
    assert!(quickest < Some(Duration::from_millis(300)), "{quickest:?}");
    // The server has heard of no end, and runs nothing of ours.
    assert_quiet_of(shared(newest_major()), "hangs");
    proxy.mode(Mode::Pass);
    assert_well_again(&exporter, "hangs");
}

#[test]
fn connections_reset_closed_and_refused() {
    let (proxy, exporter) = through_proxy("cut");
    for mode in [Mode::Reset, Mode::Close, Mode::Refuse] {
        proxy.mode(mode);
        let (page, took) = page_within(&exporter, 4.0);
        assert_nothing_of_the_target(&page);
        assert!(
            took < Duration::from_secs(1),
            "{mode:?} is known at once, not after {took:?}"
        );
        assert_down(&exporter, HEALTH_LIMIT);
        wait_until("no backend outlives its connection", SOON, || {
            assert_quiet_of(shared(newest_major()), "cut") == 0
        });
        proxy.mode(Mode::Pass);
        assert_well_again(&exporter, "cut");
    }
}

#[test]
fn connections_reset_between_scrapes_cost_nothing() {
    let (proxy, exporter) = through_proxy("reset_between");
    for mode in [Mode::Reset, Mode::Close] {
        proxy.mode(mode);
        proxy.mode(Mode::Pass);
        let (page, _) = page_within(&exporter, 5.0);
        assert_eq!(
            page.value("pg_up", &[]),
            Some(1.0),
            "{mode:?}: the scrape connects anew"
        );
        assert_well_again(&exporter, "reset_between");
    }
}

#[test]
fn an_answer_cut_off_at_any_place() {
    let (proxy, exporter) = through_proxy("cut_off");
    for bytes in [1, 30, 300, 600, 3_000, 10_000, 50_000] {
        proxy.cut_after(bytes);
        // Ends the connections that have got more than that already.
        proxy.mode(Mode::Reset);
        proxy.mode(Mode::Pass);
        let (page, _) = page_within(&exporter, 5.0);
        if bytes < 3_000 {
            assert_eq!(page.value("pg_up", &[]), Some(0.0), "cut after {bytes} bytes");
        }
        assert!(
            page.value("pg_exporter_up", &[]) == Some(1.0),
            "cut after {bytes} bytes"
        );
    }
    proxy.cut_after(0);
    assert_well_again(&exporter, "cut_off");
}

/// Silence instead of an end: the connections that hang are given up, and none of them is waited for beyond the deadline.
#[test]
fn an_answer_that_stops_at_any_place() {
    let proxy = FaultProxy::start(shared(newest_major()).port());
    let exporter = builder(&named(&proxy.url("postgres"), "stops"))
        .arg("--disable-cache")
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    for bytes in [1, 300, 3_000, 20_000, 60_000, 120_000] {
        proxy.hang_after(bytes);
        // Ends the connections that have got more than that already.
        proxy.mode(Mode::Reset);
        proxy.mode(Mode::Pass);
        let (page, took) = page_within(&exporter, 4.0);
        eprintln!(
            "silence after {bytes} bytes: pg_up {:?} after {took:.1?}",
            page.value("pg_up", &[])
        );
        assert!(
            took < Duration::from_secs(3),
            "silence is noticed, wherever it begins: {took:.1?}"
        );
        assert_eq!(page.value("pg_exporter_up", &[]), Some(1.0));
        if bytes < 3_000 {
            // More than that the probe does not get in a while.
            assert_down(&exporter, HEALTH_LIMIT);
        }
        // The list of databases, which other tests change, may or may not fit into 3,000.
        if bytes < 3_000 || (bytes == 3_000 && page.value("pg_timestamp", &[]).is_none()) {
            assert_nothing_of_the_target(&page);
        } else {
            // Facts were there: what failed then are collectors, each for a reason.
            let failures = page.all("pg_exporter_query_failures_total");
            let failed: Vec<_> = failures.filter(|sample| sample.value > 0.0).collect();
            let is_silence =
                |sample: &&Sample| ["timeout", "connection"].contains(&sample.label("reason").unwrap());
            assert!(
                !failed.is_empty() && failed.iter().all(is_silence),
                "{bytes}: {failed:?}"
            );
        }
        proxy.hang_after(0);
        assert_well_again(&exporter, "stops");
    }
}

#[test]
fn one_byte_at_a_time() {
    let cluster = shared(newest_major());
    let expected = series(&page_within(&exporter_of(&cluster.url("postgres")), 10.0).0);
    let path = Path::to(cluster.port());
    path.byte_by_byte(true);
    let exporter = exporter_of(&named(&path.url("postgres"), "by_byte"));
    let (page, _) = while_primary(&exporter, || page_within(&exporter, 10.0));
    let found = series(&page);
    // Other tests share the server: counts of databases differ a little.
    assert!(
        found * 10 > expected * 8,
        "{found} series, {expected} without the path"
    );
    path.byte_by_byte(false);
    assert_well_again(&exporter, "by_byte");
}

#[test]
fn a_slow_line() {
    let proxy = FaultProxy::start(shared(newest_major()).port());
    let exporter = builder(&named(&proxy.url("postgres"), "slow_line"))
        .arg("--disable-cache")
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    proxy.rate(5_000_000);
    let (page, took) = while_primary(&exporter, || page_within(&exporter, 10.0));
    assert_eq!(page.value("pg_up", &[]), Some(1.0));
    eprintln!("5 MB/s: the page came after {took:.2?}");
    assert_quiet_of(shared(newest_major()), "slow_line");
    // So slow that not even a connection comes to be.
    proxy.rate(100);
    proxy.mode(Mode::Reset);
    proxy.mode(Mode::Pass);
    assert_nothing_of_the_target(&page_within(&exporter, 4.0).0);
    assert_down(&exporter, HEALTH_LIMIT);
    proxy.rate(0);
    assert_well_again(&exporter, "slow_line");
}

#[test]
fn a_blackholed_connect() {
    let hole = BlackHole::open();
    let exporter = builder(&named(&hole.url(), "hole")).start();
    let (page, took) = page_within(&exporter, 4.0);
    assert_nothing_of_the_target(&page);
    assert!(took > Duration::from_millis(500), "the hole is none: {took:?}");
    assert_down(&exporter, HEALTH_LIMIT);
    // A new exporter each time, as one that has failed waits before it tries again. Without the flag, none is that quick; with
    // it, a busy machine does not slow all of them.
    let tries = (0..4).map(|_| {
        let exporter = builder(&hole.url()).arg("--connect-timeout=100ms").start();
        page_within(&exporter, 4.0).1
    });
    let quickest = tries.min();
    assert!(
        quickest < Some(Duration::from_millis(800)),
        "the flag is not heeded: {quickest:?}"
    );
    // A server is there after all.
    let port = hole.port();
    drop(hole);
    let path = Path::at(port, shared(newest_major()).port());
    assert_well_again(&exporter, "hole");
    assert!(path.opened() > 0);
}
