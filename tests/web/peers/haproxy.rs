//! HAProxy, which sends traffic to where the exporter says.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::haproxy::Backend;
use pg_exporter_lab::{Cluster, Exporter, Haproxy, newest_major, tool};

use crate::support::{PROGRAM, SOON};

/// A primary and two standbys, each with an exporter.
struct Site {
    clusters: [Cluster; 3],
    exporters: [Exporter; 3],
    /// Leads to whoever is the primary.
    writes: Haproxy,
    /// Leads to the standbys.
    reads: Haproxy,
}

impl Site {
    fn start() -> Self {
        let primary = Cluster::start(newest_major());
        let clusters = [primary.standby(), primary.standby()];
        let [first, second] = clusters;
        let clusters = [primary, first, second];
        let exporters = clusters.each_ref().map(|cluster| {
            Exporter::builder(PROGRAM)
                .url(&cluster.url("postgres"))
                .env("PG_EXPORTER_CONNECT_TIMEOUT", "5s")
                .start()
        });
        exporters[0].wait_for_status("/primary", 200, SOON);
        exporters[1..]
            .iter()
            .for_each(|exporter| exporter.wait_for_status("/replica", 200, SOON));
        let backends = [0, 1, 2].map(|number| Backend {
            port: clusters[number].port(),
            check_port: exporters[number].port(),
        });
        let site = Self {
            clusters,
            exporters,
            writes: Haproxy::start("GET /primary", &backends),
            reads: Haproxy::start("GET /replica", &backends),
        };
        site.wait_for_states(["UP", "DOWN", "DOWN"], ["DOWN", "UP", "UP"], SOON);
        site
    }

    fn wait_for_states(&self, writes: [&str; 3], reads: [&str; 3], limit: Duration) {
        let deadline = Instant::now() + limit;
        for (haproxy, states) in [(&self.writes, writes), (&self.reads, reads)] {
            for (number, state) in states.into_iter().enumerate() {
                let left = deadline.saturating_duration_since(Instant::now());
                haproxy.wait_for_state(number, state, left);
            }
        }
    }

    fn port(&self, number: usize) -> Option<String> {
        Some(self.clusters[number].port().to_string())
    }
}

/// The time until a load balancer leads to a server.
#[track_caller]
fn time_to(haproxy: &Haproxy, port: &Option<String>, since: Instant) -> Duration {
    while haproxy.reached() != *port {
        assert!(since.elapsed() < SOON, "no way to {port:?}");
        thread::sleep(Duration::from_millis(20));
    }
    since.elapsed()
}

#[test]
fn a_failover_moves_the_traffic() {
    let site = Site::start();
    assert_eq!(site.writes.state(1).check_code, "404", "a standby is no primary");
    assert_eq!(site.writes.reached(), site.port(0));
    assert!([site.port(1), site.port(2)].contains(&site.reads.reached()));

    // The bound of the contract: as many checks as take a server down, and 2 s for the exporter's own probe.
    let bound = Haproxy::INTER * Haproxy::FALL + Duration::from_secs(2);
    let stopped = Instant::now();
    site.clusters[0].kill9();
    site.writes.wait_for_state(0, "DOWN", SOON);
    let down = stopped.elapsed();
    assert_eq!(site.writes.state(0).check_code, "503");
    assert_eq!(site.writes.reached(), None, "there is no primary");

    site.clusters[1].promote();
    let promoted = Instant::now();
    let moved = time_to(&site.writes, &site.port(1), promoted);
    eprintln!("HAProxy: the old primary is down after {down:?}, traffic moved {moved:?} after the promotion");
    assert!(down < bound, "down only after {down:?}");
    assert!(moved < bound, "moved only after {moved:?}");
    site.wait_for_states(["DOWN", "UP", "DOWN"], ["DOWN", "DOWN", "UP"], SOON);
    assert_eq!(site.reads.reached(), site.port(2), "the other standby serves on");
    assert_eq!(site.writes.state(0).downs, 1, "down once, and not back");
}

/// Busy exporters on busy servers are no reason for HAProxy to take a server out.
#[test]
fn no_flap_under_load() {
    let site = Site::start();
    site.clusters[0].create_database("bench");
    let bench = |arguments: &[&str]| {
        let mut command = Command::new(tool("pgbench"));
        command.args(["-h", "127.0.0.1", "-U", "postgres", "-p"]);
        command
            .arg(site.clusters[0].port().to_string())
            .args(arguments)
            .arg("bench");
        command.output().unwrap()
    };
    assert!(bench(&["-i", "-q", "-s", "1"]).status.success());
    let end = AtomicBool::new(false);
    let count = thread::scope(|scope| {
        let asking: Vec<_> = site
            .exporters
            .iter()
            .flat_map(|exporter| {
                ["/metrics", "/metrics", "/primary", "/replica", "/up"].map(|path| (exporter, path))
            })
            .map(|(exporter, path)| {
                let end = &end;
                scope.spawn(move || {
                    let mut count = 0;
                    while !end.load(Ordering::Relaxed) {
                        let status = exporter.get(path).status;
                        assert!(matches!(status, 200 | 404), "{path}: {status}");
                        count += 1;
                        thread::sleep(Duration::from_millis(10));
                    }
                    count
                })
            })
            .collect();
        let load = bench(&["-c", "4", "-T", "20"]);
        end.store(true, Ordering::Relaxed);
        assert!(load.status.success(), "{}", String::from_utf8_lossy(&load.stderr));
        asking
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum::<u32>()
    });
    let states = |haproxy: &Haproxy| [0, 1, 2].map(|number| haproxy.state(number));
    let (writes, reads) = (states(&site.writes), states(&site.reads));
    eprintln!("HAProxy, {count} requests besides: {writes:?} {reads:?}");
    let up = [&writes[0], &reads[1], &reads[2]];
    assert!(
        up.iter().all(|state| state.status == "UP" && state.downs == 0),
        "{up:?}"
    );
    // Those that are down were so from the first check on: HAProxy takes servers for up until then.
    let down = [&writes[1], &writes[2], &reads[0]];
    assert!(
        down.iter()
            .all(|state| state.status == "DOWN" && state.downs == 1),
        "{down:?}"
    );
}
