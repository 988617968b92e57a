//! A long life in a short time: hundreds of scrapes, faults in no order, and nothing that grows.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use pg_exporter_lab::{Exporter, FaultProxy, Mode, wait_until};

use crate::support::{SOON, State, assert_recovers, backends, cluster, exporter_of, page_within};

const SCRAPES: u32 = 600;

/// Between two scrapes: a fault lasts for twelve of them, longer than the first waits of the back-off.
const PAUSE: Duration = Duration::from_millis(25);

/// After so many, caches and buffers have their size.
const WARM: u32 = 150;

/// The next of a sequence that looks random and is the same in each run.
fn next(seed: &mut u64) -> u64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

/// Another state of the network; most of the time a good one.
fn disturb(proxy: &FaultProxy, number: u64) {
    proxy.cut_after(0);
    proxy.latency(Duration::ZERO);
    match number % 10 {
        0 => proxy.mode(Mode::Reset),
        1 => proxy.mode(Mode::Close),
        2 => proxy.mode(Mode::Refuse),
        3 => proxy.mode(Mode::Hang),
        4 => {
            proxy.cut_after(number % 20_000 + 1);
            proxy.mode(Mode::Pass);
        }
        5 => {
            proxy.latency(Duration::from_millis(number % 40));
            proxy.mode(Mode::Pass);
        }
        _ => proxy.mode(Mode::Pass),
    }
}

fn descriptors(exporter: &Exporter) -> usize {
    fs::read_dir(format!("/proc/{}/fd", exporter.pid()))
        .unwrap()
        .count()
}

#[test]
fn hundreds_of_scrapes_with_faults_leave_nothing_behind() {
    let cluster = cluster();
    cluster.create_database("app");
    let proxy = FaultProxy::start(cluster.port());
    let exporter = exporter_of(&proxy.url("postgres"));
    let (mut seed, mut ups, mut downs, mut warm) = (42, 0, 0, 0);
    for number in 0..SCRAPES {
        if number % 12 == 0 {
            disturb(&proxy, next(&mut seed));
        }
        if number == WARM {
            warm = exporter.rss();
        }
        let (page, _) = page_within(&exporter, 1.0);
        match page.value("pg_up", &[]) {
            Some(1.0) => ups += 1,
            Some(0.0) => downs += 1,
            other => panic!("scrape {number}: pg_up is {other:?}"),
        }
        sleep(PAUSE);
        if number % 20 == 0 {
            // A backend learns of a reset when it next reads, so those of a fault before may still be there.
            wait_until("no more backends than the cap are left", SOON, || {
                backends(&cluster) <= 8
            });
        }
    }
    disturb(&proxy, 9);
    let page = assert_recovers(&exporter, State::Primary);
    assert!(
        ups > SCRAPES / 4 && downs > SCRAPES / 20,
        "{ups} pages up, {downs} down"
    );
    let scrapes = page.value("pg_exporter_scrape_total_count", &[]).unwrap();
    assert!(scrapes > f64::from(SCRAPES), "{scrapes}");
    let (rss, files) = (exporter.rss(), descriptors(&exporter));
    eprintln!(
        "{SCRAPES} scrapes, {downs} of them down: {} KiB, {} KiB when warm, {files} descriptors",
        rss >> 10,
        warm >> 10
    );
    assert!(
        rss < warm + (6 << 20),
        "{} KiB, {} KiB when warm",
        rss >> 10,
        warm >> 10
    );
    assert!(files < 40, "{files} descriptors are open");
    assert!(!exporter.stderr().contains("panicked"), "{}", exporter.stderr());
}
