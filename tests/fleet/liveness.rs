//! `/liveness` of the program itself: 200 for as long as every thread of it turns, whatever its targets do, and 503 when one hangs.
//! What hangs costs what lives on it.

use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::held::{HeldThread, thread_names};
use pg_exporter_lab::http::{Response, request};
use pg_exporter_lab::wait_until;

use crate::broken::{Broken, Way};
use crate::support::{Fleet, SOON, server, target};

/// Enough that each scrape thread has some.
const TARGETS: usize = 12;

/// A scrape thread beats every 10 s, and may be silent for 30 s; one that hangs is told of between 20 s and 30 s later. What is
/// shorter is a busy machine.
const SCRAPE: [Duration; 2] = [Duration::from_secs(15), Duration::from_secs(45)];

/// The same of the probe thread, which beats every 5 s, and may be silent for 10 s.
const PROBE: [Duration; 2] = [Duration::from_secs(4), Duration::from_secs(25)];

fn fleet(more: &str) -> Fleet {
    let targets: String = (0..TARGETS)
        .map(|number| target(&format!("t{number}"), server().port(), ""))
        .collect();
    let fleet = Fleet::start(&(targets + more));
    (0..TARGETS).for_each(|number| fleet.wait_for(&format!("/primary?target=t{number}"), 200));
    fleet
}

/// The status of `/liveness`, whose words go with it.
#[track_caller]
fn liveness(fleet: &Fleet) -> u16 {
    let answer = fleet.get("/liveness");
    match answer.status {
        200 => assert_eq!(answer.text(), "alive\n"),
        503 => assert_eq!(answer.text(), "a thread does not turn\n"),
        status => panic!("{status}: {}", answer.text()),
    }
    answer.status
}

/// Waits until it is 503; within a time of when the thread hangs, and not before.
fn wait_until_told(fleet: &Fleet, begun: Instant, [least, most]: [Duration; 2]) {
    let mut told = None;
    wait_until("it is told that a thread hangs", most, || {
        let is_told = liveness(fleet) == 503;
        told = is_told.then(|| begun.elapsed());
        is_told
    });
    let told = told.unwrap();
    assert!((least..=most).contains(&told), "{told:?}");
}

/// The pages of all targets, asked for at the same time.
fn pages(fleet: &Fleet) -> Vec<Response> {
    let port = fleet.exporter.port();
    let asked: Vec<_> = (0..TARGETS)
        .map(|number| {
            let path = format!("/metrics?target=t{number}");
            let headers = [("X-Prometheus-Scrape-Timeout-Seconds", "10")];
            thread::spawn(move || request(port, "GET", &path, &headers).unwrap())
        })
        .collect();
    asked.into_iter().map(|one| one.join().unwrap()).collect()
}

fn are_whole(pages: &[Response]) -> bool {
    let is_whole = |page: &Response| page.status == 200 && page.text().contains("\npg_up 1\n");
    pages.iter().all(is_whole)
}

fn all_are_primary(fleet: &Fleet) -> bool {
    (0..TARGETS).all(|number| fleet.get(&format!("/primary?target=t{number}")).status == 200)
}

#[test]
fn a_scrape_thread_that_hangs_is_told_of_and_costs_its_targets_alone() {
    let fleet = fleet("");
    assert!(are_whole(&pages(&fleet)));
    assert_eq!(liveness(&fleet), 200);
    let names = thread_names(fleet.exporter.pid());
    let scrapes: Vec<_> = names.iter().filter(|name| name.starts_with("scrape")).collect();
    let held = HeldThread::hold(fleet.exporter.pid(), scrapes[0]);
    let begun = Instant::now();
    let (whole, late): (Vec<_>, Vec<_>) = pages(&fleet).into_iter().partition(|page| page.status == 200);
    assert!(
        late.iter()
            .all(|page| page.status == 503 && page.text() == "the scrape thread did not answer in time\n")
    );
    assert!(!late.is_empty(), "some live on the thread that hangs");
    assert_eq!(whole.is_empty(), scrapes.len() == 1, "others live elsewhere");
    assert!(are_whole(&whole));
    assert!(all_are_primary(&fleet), "probes have a thread of their own");
    wait_until_told(&fleet, begun, SCRAPE);
    assert!(all_are_primary(&fleet));
    assert_eq!(fleet.get("/readiness").status, 200, "the files were read");
    drop(held);
    wait_until("it turns again", SOON, || liveness(&fleet) == 200);
    wait_until("all have their pages again", SOON, || are_whole(&pages(&fleet)));
}

#[test]
fn a_probe_thread_that_hangs_is_told_of_and_nobody_is_well_by_old_news() {
    let fleet = fleet("");
    let held = HeldThread::hold(fleet.exporter.pid(), "probe");
    let begun = Instant::now();
    wait_until("what was known is too old", SOON, || {
        (0..TARGETS).all(|number| fleet.get(&format!("/primary?target=t{number}")).status == 503)
    });
    assert!(are_whole(&pages(&fleet)), "pages do not need it");
    wait_until_told(&fleet, begun, PROBE);
    drop(held);
    wait_until("it turns again", SOON, || liveness(&fleet) == 200);
    wait_until("all are known again", SOON, || all_are_primary(&fleet));
}

/// No state of a server is the process' own.
#[test]
fn what_targets_do_is_no_matter_of_liveness() {
    let ways: Vec<Way> = Way::ALL.into_iter().chain(Way::OTHERS).collect();
    let broken: Vec<Broken> = ways.iter().copied().map(Broken::start).collect();
    let each = ways.iter().zip(&broken);
    let more: String = each
        .map(|(way, broken)| target(&way.name(), broken.port, way.keys()))
        .collect();
    let fleet = fleet(&more);
    let begun = Instant::now();
    // Longer than a thread may be silent.
    while begun.elapsed() < Duration::from_secs(35) {
        assert_eq!(liveness(&fleet), 200);
        for way in &ways {
            let path = format!("/metrics?target={}", way.name());
            let headers = [("X-Prometheus-Scrape-Timeout-Seconds", "1")];
            let answer = fleet.exporter.request("GET", &path, &headers);
            assert_eq!(answer.status, 200, "{way:?}: {}", answer.text());
            assert!(answer.text().contains("\npg_up 0\n"), "{way:?}");
        }
    }
}
