//! Lines that are narrow, and lines that swallow large packets: real ones, by the kernel's queues and filters in a network
//! namespace. Where a machine has none (no root), each test says so, and a proxy stands in that shapes, or swallows large pieces.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::{Cluster, Direction, Exporter, FaultProxy, Link, newest_major};

use crate::support::{HEALTH_LIMIT, SOON, State, builder, page_within, wait_for_page, wait_for_state};

/// A server whose page is of some 100 kB on the wire.
fn server() -> Cluster {
    let cluster = Cluster::start(newest_major());
    cluster.psql(
        "do $$ begin for i in 1..250 loop execute format('create table a_table_with_a_rather_long_name_%s \
         (i int primary key, t text)', i); end loop; end $$; analyze",
    );
    cluster
}

/// Scrapes one behind the other for a time, and every answer of `/primary` that is not 200.
fn flaps(exporter: &Exporter, time: Duration) -> (Vec<(f64, String)>, u32) {
    let (begun, over) = (Instant::now(), AtomicBool::new(false));
    thread::scope(|scope| {
        let scrapes = scope.spawn(|| {
            let mut pages = 0;
            while !over.load(Ordering::Relaxed) {
                let (page, _) = page_within(exporter, 12.0);
                pages += u32::from(page.value("pg_up", &[]) == Some(1.0));
                thread::sleep(Duration::from_millis(500));
            }
            pages
        });
        let mut wrong = Vec::new();
        while begun.elapsed() < time {
            let answer = exporter.get("/primary");
            if answer.status != 200 {
                wrong.push((begun.elapsed().as_secs_f64(), answer.text()));
            }
            thread::sleep(Duration::from_millis(50));
        }
        over.store(true, Ordering::Relaxed);
        (wrong, scrapes.join().unwrap())
    })
}

fn judge(what: &str, exporter: &Exporter) {
    wait_for_state(exporter, State::Primary, SOON);
    let (wrong, pages) = flaps(exporter, Duration::from_secs(25));
    eprintln!(
        "{what}: {pages} pages that were up, {} wrong answers",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{what}: {wrong:?}\n{}", exporter.stderr());
}

#[test]
fn a_scrape_over_a_narrow_line_makes_no_probe_flap() {
    let cluster = server();
    let Some(link) = Link::to(cluster.port()) else {
        eprintln!(
            "a_scrape_over_a_narrow_line_makes_no_probe_flap: no network namespaces here, a proxy stands in"
        );
        let proxy = FaultProxy::start(cluster.port());
        let exporter = builder(&proxy.url("postgres")).start();
        wait_for_state(&exporter, State::Primary, SOON);
        proxy.rate(32_000);
        judge("a proxy of 256 kbit/s", &exporter);
        return;
    };
    let exporter = builder(&link.url("postgres")).start();
    for kbit in [256, 512, 1024] {
        assert!(link.narrow(kbit));
        judge(&format!("{kbit} kbit/s"), &exporter);
        link.heal();
    }
}

/// A knock begins on a free line, and what fills the line then delays it by more than a client would wait.
#[test]
fn a_burst_behind_a_knock_makes_no_probe_flap() {
    let cluster = Cluster::start(newest_major());
    for millis in [300, 1200, 1500, 1800] {
        let proxy = FaultProxy::start(cluster.port());
        let exporter = builder(&proxy.url("postgres")).start();
        wait_for_state(&exporter, State::Primary, SOON);
        proxy.stall(Duration::from_millis(millis));
        let (begun, mut wrong) = (Instant::now(), Vec::new());
        while begun.elapsed() < Duration::from_secs(8) {
            let answer = exporter.get("/primary");
            if answer.status != 200 {
                wrong.push((begun.elapsed(), answer.text()));
            }
            thread::sleep(Duration::from_millis(50));
        }
        assert!(wrong.is_empty(), "{millis} ms: {wrong:?}\n{}", exporter.stderr());
    }
}

#[test]
fn a_page_is_back_soon_after_a_black_hole() {
    use Direction::{FromServer, ToServer};
    let cluster = server();
    let Some(link) = Link::to(cluster.port()) else {
        eprintln!("a_page_is_back_soon_after_a_black_hole: no network namespaces here, a proxy stands in");
        let proxy = FaultProxy::start(cluster.port());
        let exporter = builder(&proxy.url("postgres")).start();
        wait_for_state(&exporter, State::Primary, SOON);
        wait_for_page(&exporter, 1.0);
        proxy.hang_after(2_000);
        wait_for_page(&exporter, 0.0);
        thread::sleep(Duration::from_secs(14));
        proxy.hang_after(0);
        let back = until_up(&exporter);
        assert!(back < HEALTH_LIMIT, "back after {back:?}\n{}", exporter.stderr());
        return;
    };
    for (bytes, directions) in [
        (576, &[ToServer, FromServer][..]),
        (1000, &[FromServer]),
        (1280, &[ToServer, FromServer]),
        (400, &[ToServer]),
        (300, &[FromServer]),
    ] {
        let what = format!("packets over {bytes} bytes are lost, {directions:?}");
        let exporter = builder(&link.url("postgres")).arg("--disable-cache").start();
        wait_for_state(&exporter, State::Primary, SOON);
        wait_for_page(&exporter, 1.0);
        assert!(link.drop_above(bytes, directions));
        let (begun, wrong) = gap(&exporter, Duration::from_secs(10));
        link.heal();
        let gap = begun.map(|(first, last)| last - first);
        eprintln!("{what}: no page for {gap:.1?}, {} wrong answers", wrong.len());
        // Only what the session of the probe carries itself may be lost, once.
        let tolerated = if bytes < 576 {
            Duration::from_secs(3)
        } else {
            Duration::ZERO
        };
        let flap = wrong
            .last()
            .zip(wrong.first())
            .map_or(0.0, |(last, first)| last - first);
        assert!(
            flap <= tolerated.as_secs_f64(),
            "{what}: {wrong:?}\n{}",
            exporter.stderr()
        );
        assert!(
            gap.is_none_or(|gap| gap < HEALTH_LIMIT),
            "{what}: {begun:?}\n{}",
            exporter.stderr()
        );
        let back = until_up(&exporter);
        assert!(
            back < HEALTH_LIMIT,
            "{what}: {back:?} after it healed\n{}",
            exporter.stderr()
        );
    }
}

#[test]
fn an_exporter_that_starts_in_a_black_hole_serves_its_page() {
    let cluster = server();
    let Some(link) = Link::to(cluster.port()) else {
        eprintln!("an_exporter_that_starts_in_a_black_hole_serves_its_page: no network namespaces here");
        let proxy = FaultProxy::start(cluster.port());
        proxy.hang_after(2_000);
        let exporter = builder(&proxy.url("postgres")).start();
        wait_for_page(&exporter, 0.0);
        proxy.hang_after(0);
        wait_for_page(&exporter, 1.0);
        return;
    };
    for directions in [
        &[Direction::FromServer][..],
        &[Direction::ToServer, Direction::FromServer],
    ] {
        assert!(link.drop_above(600, directions));
        let exporter = builder(&link.url("postgres")).start();
        wait_for_state(&exporter, State::Primary, HEALTH_LIMIT);
        let up = until_up(&exporter);
        eprintln!("packets over 600 bytes are lost, {directions:?}: a page {up:.1?} after the start");
        assert!(up < Duration::from_secs(10), "{up:?}\n{}", exporter.stderr());
        link.heal();
    }
}

/// From the first page that is not up until the last one, over a time; and when `/primary` was wrong.
fn gap(exporter: &Exporter, time: Duration) -> (Option<(Duration, Duration)>, Vec<f64>) {
    let (begun, over) = (Instant::now(), AtomicBool::new(false));
    thread::scope(|scope| {
        let probes = scope.spawn(|| {
            let mut wrong = Vec::new();
            while !over.load(Ordering::Relaxed) {
                if exporter.get("/primary").status != 200 {
                    wrong.push(begun.elapsed().as_secs_f64());
                }
                thread::sleep(Duration::from_millis(50));
            }
            wrong
        });
        let mut gap = None;
        while begun.elapsed() < time {
            let asked = begun.elapsed();
            let (page, _) = page_within(exporter, 4.0);
            if page.value("pg_up", &[]) != Some(1.0) {
                let (first, _) = gap.unwrap_or((asked, asked));
                gap = Some((first, begun.elapsed()));
            }
            thread::sleep(Duration::from_millis(100));
        }
        over.store(true, Ordering::Relaxed);
        (gap, probes.join().unwrap())
    })
}

fn until_up(exporter: &Exporter) -> Duration {
    let begun = Instant::now();
    wait_for_page(exporter, 1.0);
    begun.elapsed()
}
