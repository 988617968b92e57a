//! A server that starts up, before or after the exporter.

use std::thread;

use pg_exporter_lab::Cluster;

use crate::support::{
    HEALTH_LIMIT, SOON, State, answer, assert_down, assert_nothing_of_the_target, assert_reason,
    assert_recovers, builder, cluster, exporter_of, page_within, wait_for_state, wrong_answers,
};
use crate::views::assert_quiet;

/// Starts up for as long as a flag file exists: the server asks a command for WAL, and the command waits.
struct SlowStart<'a> {
    cluster: &'a Cluster,
    flag: std::path::PathBuf,
}

impl<'a> SlowStart<'a> {
    fn prepare(cluster: &'a Cluster) -> Self {
        let flag = cluster.data().join("wait");
        cluster.stop();
        cluster.write_file("wait", "");
        cluster.write_file("recovery.signal", "");
        let wait = format!("while test -e {}; do sleep 0.05; done; false", flag.display());
        cluster.set("restore_command", &wait);
        Self { cluster, flag }
    }

    fn finish(&self) {
        let _ = std::fs::remove_file(&self.flag);
    }
}

impl Drop for SlowStart<'_> {
    fn drop(&mut self) {
        self.finish();
    }
}

#[test]
fn a_server_that_starts_up_says_so() {
    let cluster = cluster();
    let exporter = exporter_of(&cluster.url("postgres"));
    let slow = SlowStart::prepare(&cluster);
    thread::scope(|scope| {
        scope.spawn(|| slow.cluster.start_again());
        let starting = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for_state(&exporter, State::Starting, SOON);
            assert_eq!(answer(&exporter, "/up"), (503, "starting".into()));
            let (page, _) = page_within(&exporter, 2.0);
            assert_nothing_of_the_target(&page);
            assert_eq!(
                page.value("pg_exporter_health_state", &[("state", "starting")]),
                Some(1.0)
            );
            assert_reason(&exporter, "57P03");
            let wrong = wrong_answers(&exporter, State::Starting);
            assert!(wrong.is_empty(), "{wrong:?}");
        }));
        slow.finish();
        starting.unwrap();
    });
    assert_recovers(&exporter, State::Primary);
    assert_quiet(&cluster);
}

#[test]
fn an_exporter_that_starts_before_its_server() {
    let cluster = cluster();
    cluster.stop();
    let exporter = builder(&cluster.url("postgres")).start();
    assert_down(&exporter, HEALTH_LIMIT);
    cluster.start_again();
    assert_recovers(&exporter, State::Primary);
    assert_quiet(&cluster);
}
