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

/// Targets of one role and database share their logins; each database is looked at by itself.
#[test]
fn a_database_of_many_targets_is_logged_into_a_few_times() {
    let server = Cluster::builder(newest_major())
        .set("log_connections", "on")
        .set("max_connections", "200")
        .start();
    server.create_database("shop");
    let of = |name: String| target(&name, server.port(), ", connect_timeout: 1s");
    let mut targets: String = (0..TARGETS).map(|number| of(format!("t{number}"))).collect();
    for number in 1..=2 {
        targets.push_str(&of(format!("shop-{number}")).replace("dbname: postgres", "dbname: shop"));
    }
    let fleet = Fleet::start(&targets);
    (0..TARGETS).for_each(|number| fleet.wait_for(&path(number), 200));
    let shops = ["shop-1", "shop-2"].map(|name| format!("/primary?target={name}"));
    shops.iter().for_each(|path| fleet.wait_for(path, 200));
    let logins = |database: &str| {
        let log = server.log();
        let lines = log.lines().filter(|line| line.contains("connection authorized"));
        lines.filter(|line| line.contains(database)).count()
    };
    let count = || ["database=postgres", "database=shop"].map(logins);
    let before = count();
    thread::sleep(Duration::from_secs(15));
    let after = count();
    let [all, shop] = [after[0] - before[0], after[1] - before[1]];
    // By themselves they would log in sixty times, and six.
    assert!((2..=20).contains(&all), "{all}");
    assert!((2..=6).contains(&shop), "{shop}");
    // What hangs in one database is its targets' alone, and each of them sees it.
    server.psql_in(
        "shop",
        "create function public.hang() returns event_trigger language plpgsql as $$ begin perform pg_sleep(600); end $$;
         create event trigger hang on login execute function public.hang()",
    );
    let begun = Instant::now();
    shops.iter().for_each(|path| fleet.wait_for(path, 503));
    assert!(
        begun.elapsed() <= Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    (0..TARGETS).for_each(|number| assert_eq!(fleet.get(&path(number)).status, 200));
}
