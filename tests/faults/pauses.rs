//! The exporter itself does not run for a while, as when its machine is moved or has no time for it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use pg_exporter_lab::process::{Signal, signal};
use pg_exporter_lab::{FaultProxy, wait_until};

use crate::support::{SOON, State, answer, builder, cluster, page_within, wait_for_page, wait_for_state};

/// Longer than a probe may take, shorter than what it found may be old.
const PAUSE: Duration = Duration::from_millis(2_400);

/// An answer that came meanwhile is an answer: nobody is told that the target is down.
#[test]
fn a_pause_of_the_exporter_is_no_failure_of_the_target() {
    let cluster = cluster();
    let proxy = FaultProxy::start(cluster.port());
    let exporter = builder(&proxy.url("postgres"))
        .args(["--connect-timeout=2s", "--health-interval=3s"])
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    wait_for_page(&exporter, 1.0);
    proxy.latency(Duration::from_millis(600));
    let of_the_probe = |what: &str| {
        cluster.psql(&format!(
            "select {what} from pg_stat_activity where application_name = 'pg_exporter' and query = \
             'SELECT pg_catalog.pg_is_in_recovery()'"
        ))
    };
    let before = of_the_probe("pid");
    assert!(before.parse::<u32>().is_ok(), "one session: {before:?}");
    for _ in 0..3 {
        // The server has answered, and the answer is on its way for longer than it takes to stop the exporter.
        let last = of_the_probe("query_start");
        wait_until("a probe is under way", SOON, || {
            of_the_probe("query_start") != last
        });
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
            sleep(Duration::from_millis(10));
        }
    }
    assert_eq!(of_the_probe("pid"), before, "the probe has kept its connection");
    proxy.latency(Duration::ZERO);
    assert_eq!(page_within(&exporter, 5.0).0.value("pg_up", &[]), Some(1.0));
}
