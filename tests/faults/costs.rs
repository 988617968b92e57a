//! What the probe costs the server: measured by the kernel's books of all its processes, those that have ended too.

use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::{Cluster, newest_major};

use crate::support::{SOON, State, builder, wait_for_state};

/// How long each is looked at; as many seconds as `PG_EXPORTER_COSTS` says where it is set.
fn time() -> Duration {
    let seconds = std::env::var("PG_EXPORTER_COSTS").map_or(4, |number| number.parse().unwrap());
    Duration::from_secs(seconds)
}

/// CPU of the server, in milliseconds a second.
fn spent(cluster: &Cluster) -> f64 {
    let (begun, before) = (Instant::now(), cluster.cpu());
    thread::sleep(time());
    (cluster.cpu() - before).as_secs_f64() * 1000.0 / begun.elapsed().as_secs_f64()
}

#[test]
fn what_the_probe_costs_a_server() {
    let cluster = Cluster::builder(newest_major()).set("autovacuum", "off").start();
    let idle = spent(&cluster);
    let with = |arguments: &[&str]| {
        let exporter = builder(&cluster.url("postgres"))
            .args(arguments.iter().copied())
            .start();
        wait_for_state(&exporter, State::Primary, SOON);
        thread::sleep(Duration::from_secs(1));
        spent(&cluster) - idle
    };
    let table = [
        (
            "defaults: a question and a knock each second, a connection each 5 s",
            &[][..],
        ),
        ("a connection each second", &["--health-connect-interval=1s"]),
        (
            "no connections, a question and a knock each second",
            &["--health-connect-interval=1h"],
        ),
        (
            "no connections, a question each 60 s, a knock each second",
            &["--health-connect-interval=1h", "--health-interval=60s"],
        ),
        ("defaults and --health-write", &["--health-write=true"]),
    ];
    eprintln!("idle: {idle:.2} ms/s");
    for (what, arguments) in table {
        let cost = with(arguments);
        eprintln!("{what}: {cost:.2} ms/s more");
        // A tenth of a processor would be no probe but a load.
        assert!(cost < 100.0, "{what}: {cost} ms/s");
    }
}
