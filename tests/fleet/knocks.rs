//! Targets on one server share their knocks at its door, and see all the same that it is shut.

use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::process::{Signal, signal};
use pg_exporter_lab::{Cluster, newest_major};

use crate::support::{Fleet, SOON, target};

const TARGETS: usize = 20;

/// How long the door may be shut until each says so.
const LIMIT: Duration = Duration::from_secs(3);

fn path(number: usize) -> String {
    format!("/primary?target=t{number}")
}

#[test]
fn a_server_of_many_targets_is_knocked_at_a_few_times_a_second() {
    let server = Cluster::builder(newest_major())
        .set("log_connections", "on")
        .set("max_connections", "200")
        .start();
    let more = ", connect_timeout: 1s, health_connect_interval: 1h";
    let targets: String = (0..TARGETS)
        .map(|number| target(&format!("t{number}"), server.port(), more))
        .collect();
    let fleet = Fleet::start(&targets);
    (0..TARGETS).for_each(|number| fleet.wait_for(&path(number), 200));
    let received = || server.log().matches("connection received").count();
    let (before, begun) = (received(), Instant::now());
    thread::sleep(Duration::from_secs(5));
    let knocks = (received() - before) as f64 / begun.elapsed().as_secs_f64();
    // Each knocks once a second by itself.
    assert!(
        (0.5..=TARGETS as f64 / 3.0).contains(&knocks),
        "{knocks} a second"
    );
    // The sessions that are kept answer all the while.
    signal(server.pid(), Signal::STOP).unwrap();
    let begun = Instant::now();
    (0..TARGETS).for_each(|number| fleet.wait_for(&path(number), 503));
    let took = begun.elapsed();
    signal(server.pid(), Signal::CONT).unwrap();
    assert!(took <= LIMIT, "{took:?}");
    let begun = Instant::now();
    (0..TARGETS).for_each(|number| fleet.wait_for(&path(number), 200));
    assert!(begun.elapsed() < SOON);
}
