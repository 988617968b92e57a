//! The exporter itself does not run for a while, as when its machine is moved or has no time for it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use pg_exporter_lab::FaultProxy;
use pg_exporter_lab::process::{Signal, signal};

use crate::support::{SOON, State, answer, builder, cluster, page_within, wait_for_page, wait_for_state};

/// Longer than a probe may take, shorter than what it found may be old.
const PAUSE: Duration = Duration::from_millis(2_400);

/// An answer that came meanwhile is an answer: nobody is told that the target is down.
#[test]
fn a_pause_of_the_exporter_is_no_failure_of_the_target() {
    let cluster = cluster();
    // So that more often than not a probe is under way.
    let proxy = FaultProxy::start(cluster.port());
    let exporter = builder(&proxy.url("postgres"))
        .args(["--connect-timeout=2s", "--health-interval=3s"])
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    wait_for_page(&exporter, 1.0);
    proxy.latency(Duration::from_millis(600));
    let of_the_probe = "select pid from pg_stat_activity where application_name = 'pg_exporter' and query like \
                        '%pg_is_wal_replay_paused%'";
    let before = cluster.psql(of_the_probe);
    assert!(before.parse::<u32>().is_ok(), "one session: {before:?}");
    for _ in 0..5 {
        sleep(Duration::from_millis(1_300));
        signal(exporter.pid(), Signal::STOP).unwrap();
        sleep(PAUSE);
        signal(exporter.pid(), Signal::CONT).unwrap();
        let resumed = Instant::now();
        while resumed.elapsed() < Duration::from_millis(1_200) {
            assert_eq!(
                answer(&exporter, "/primary"),
                (200, "primary".into()),
                "{}",
                exporter.stderr()
            );
        }
    }
    assert_eq!(
        cluster.psql(of_the_probe),
        before,
        "the probe has kept its connection"
    );
    proxy.latency(Duration::ZERO);
    assert_eq!(page_within(&exporter, 5.0).0.value("pg_up", &[]), Some(1.0));
}
