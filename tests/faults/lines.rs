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

#[test]
fn a_page_is_back_soon_after_a_black_hole() {
    use Direction::{FromServer, ToServer};
    let cluster = server();
    let Some(link) = Link::to(cluster.port()) else {
        eprintln!("a_page_is_back_soon_after_a_black_hole: no network namespaces here, a proxy stands in");
        let proxy = FaultProxy::start(cluster.port());
        let exporter = builder(&proxy.url("postgres")).start();
        wait_for_state(&exporter, State::Primary, SOON);
        proxy.hang_after(2_000);
        fade(&exporter, Duration::from_secs(14));
        proxy.hang_after(0);
        assert_back("a proxy that swallows what is long", &exporter);
        return;
    };
    let exporter = builder(&link.url("postgres")).start();
    for (bytes, directions, time) in [
        (576, &[ToServer, FromServer][..], 20),
        (576, &[FromServer], 7),
        (1000, &[FromServer], 16),
        (400, &[ToServer], 10),
    ] {
        wait_for_state(&exporter, State::Primary, SOON);
        wait_for_page(&exporter, 1.0);
        assert!(link.drop_above(bytes, directions));
        fade(&exporter, Duration::from_secs(time));
        link.heal();
        assert_back(
            &format!("packets over {bytes} bytes, {directions:?}, for {time} s"),
            &exporter,
        );
    }
}

/// The page goes, and stays away.
fn fade(exporter: &Exporter, time: Duration) {
    let begun = Instant::now();
    wait_for_page(exporter, 0.0);
    while begun.elapsed() < time {
        page_within(exporter, 4.0);
        thread::sleep(Duration::from_millis(200));
    }
}

fn assert_back(what: &str, exporter: &Exporter) {
    let healed = Instant::now();
    loop {
        let (page, _) = page_within(exporter, 4.0);
        if page.value("pg_up", &[]) == Some(1.0) {
            break;
        }
        assert!(healed.elapsed() < SOON, "{what}: {}", exporter.stderr());
        thread::sleep(Duration::from_millis(50));
    }
    let took = healed.elapsed();
    eprintln!("{what}: the page is back after {took:.2?}");
    assert!(
        took < HEALTH_LIMIT,
        "{what}: back after {took:?}\n{}",
        exporter.stderr()
    );
    wait_for_state(exporter, State::Primary, SOON);
}
