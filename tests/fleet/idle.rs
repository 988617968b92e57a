//! What a target costs that nobody scrapes: its probe, at its interval; and how many threads all of them have.

use std::fs;
use std::thread;
use std::time::Duration;

use pg_exporter_lab::{Cluster, newest_major};

use crate::support::{Fleet, target};

/// Statements that the log has of sessions of that name.
fn statements(cluster: &Cluster, name: &str) -> usize {
    let mark = format!("[{name}]");
    let log = cluster.log();
    let lines = log.lines().filter(|line| line.contains(&mark));
    lines.filter(|line| line.contains("LOG:")).count()
}

#[test]
fn a_target_that_nobody_scrapes_has_its_probe_at_its_interval() {
    let cluster = Cluster::builder(newest_major())
        .set("log_statement", "all")
        .set("log_line_prefix", "[%a] ")
        .start();
    let idle = |name: &str, interval: &str| {
        let more = format!(
            ", application_name: {name}, health_interval: {interval}, health_connect_interval: 1h, auto_discovery: true"
        );
        target(name, cluster.port(), &more)
    };
    let fleet = Fleet::start(&(idle("often", "1s") + &idle("seldom", "4s")));
    for name in ["often", "seldom"] {
        fleet.wait_for(&format!("/primary?target={name}"), 200);
    }
    thread::sleep(Duration::from_secs(2));
    let count = || ["often", "seldom"].map(|name| statements(&cluster, name));
    let before = count();
    thread::sleep(Duration::from_secs(16));
    let [often, seldom] = [0, 1].map(|place| count()[place] - before[place]);
    // Sixteen turns and four, each with the same statements.
    assert!(
        (1..=often / 3).contains(&seldom),
        "{often} and {seldom} statements"
    );
    let sessions = cluster.psql(
        "select application_name || ' ' || count(*) from pg_stat_activity where application_name in ('often', 'seldom') \
         group by application_name order by 1",
    );
    assert_eq!(sessions, "often 1\nseldom 1", "the probe's alone");
}

#[test]
fn scrape_threads_are_as_many_as_cores_and_at_most_eight() {
    let targets: String = (0..30)
        .map(|number| target(&format!("t-{number}"), 1, ""))
        .collect();
    let fleet = Fleet::start(&targets);
    let tasks = format!("/proc/{}/task", fleet.exporter.pid());
    let names = fs::read_dir(tasks).unwrap().flatten();
    let names = names.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    let threads = names.filter(|name| name.starts_with("scrape")).count();
    let cores = thread::available_parallelism().unwrap().get();
    assert_eq!(threads, cores.min(8));
}
