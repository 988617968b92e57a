//! What the probe costs: the server, measured by the kernel's books of all its processes, those that have ended too; and the exporter,
//! by how often its threads are woken.

use std::collections::BTreeMap;
use std::fs;
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

/// How often each thread of a process has begun to wait so far, by its name.
fn wakeups(pid: u32) -> BTreeMap<String, u64> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let of_thread = |thread: fs::DirEntry| {
        let status = fs::read_to_string(thread.path().join("status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim().to_owned())
        };
        Some((field("Name:")?, field("voluntary_ctxt_switches:")?.parse().ok()?))
    };
    threads.flatten().filter_map(of_thread).collect()
}

#[test]
fn nothing_but_its_probe_wakes_an_idle_exporter() {
    const SECONDS: u64 = 16;
    let cluster = Cluster::start(newest_major());
    let exporter = builder(&cluster.url("postgres"))
        .arg("--health-connect-interval=1h")
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    thread::sleep(Duration::from_secs(3));
    let before = wakeups(exporter.pid());
    thread::sleep(Duration::from_secs(SECONDS));
    let after = wakeups(exporter.pid());
    let woken: BTreeMap<_, _> = after
        .into_iter()
        .map(|(name, count)| {
            let since = count - before.get(&name).copied().unwrap_or_default();
            (name, since)
        })
        .collect();
    eprintln!("in {SECONDS} s: {woken:?}");
    for (thread, most) in [
        ("pg_exporter", 0),
        ("log", 0),
        // It says that it turns.
        ("scrape", SECONDS / 4),
        // Each second a timer, an answer, and one to the knock; and now and then it says that it turns.
        ("probe", SECONDS * 4),
    ] {
        assert!(woken[thread] <= most, "{thread}: {woken:?}");
    }
    assert!(woken["probe"] >= SECONDS, "it asks each second: {woken:?}");
}
