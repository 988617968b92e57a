//! A name with several addresses, of which some are dead.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use pg_exporter_lab::{Exporter, FaultProxy, tool};

use crate::path::BlackHole;
use crate::support::{
    HEALTH_LIMIT, SOON, State, assert_down, assert_reason, assert_recovers, builder, cluster, page_within,
    wait_for_page, wait_for_state,
};

/// The name, which no resolver but the test's knows.
const NAME: &str = "db.test";

/// A file of hosts that one process resolves names by.
struct Names(PathBuf);

impl Names {
    fn new(test: &str, addresses: &[&str]) -> Self {
        let path = std::env::temp_dir().join(format!("pgx-faults-{}-{test}.hosts", std::process::id()));
        let lines = addresses.iter().map(|address| format!("{address} {NAME}\n"));
        fs::write(&path, lines.collect::<String>()).unwrap();
        Self(path)
    }

    fn exporter(&self, url: &str) -> Exporter {
        let url = url.replace("@127.0.0.1:", &format!("@{NAME}:"));
        builder(&url)
            .env("LD_PRELOAD", tool("libnss_wrapper.so"))
            .env("NSS_WRAPPER_HOSTS", self.0.clone())
            .start()
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        // What is left of it is in the system's temporary folder.
        let _ = fs::remove_file(&self.0);
    }
}

/// An address of this machine on which connections to a port never come to be.
fn dead(port: u16, last: u8) -> BlackHole {
    BlackHole::at(SocketAddr::from(([127, 0, 0, last], port)))
}

/// Whichever comes first, and also when one that answered is gone.
#[test]
fn a_dead_address_does_not_hide_one_that_lives() {
    let cluster = cluster();
    let _holes = [dead(cluster.port(), 2), dead(cluster.port(), 3)];
    let names = Names::new("dead", &["127.0.0.2", "127.0.0.1", "127.0.0.3"]);
    let exporter = names.exporter(&cluster.url("postgres"));
    wait_for_state(&exporter, State::Primary, SOON);
    wait_for_page(&exporter, 1.0);
    // The one that answered is tried first from now on: a lost connection costs no more than with one address. A dead one in
    // front would cost a third of a second.
    let lose_and_scrape = || {
        cluster.psql(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pg_exporter'",
        );
        let (page, took) = page_within(&exporter, 5.0);
        assert_eq!(page.value("pg_up", &[]), Some(1.0), "{}", exporter.stderr());
        took
    };
    let quickest = (0..5).map(|_| lose_and_scrape()).min().unwrap();
    assert!(quickest < Duration::from_millis(300), "{quickest:?}");
    cluster.stop();
    assert_down(&exporter, HEALTH_LIMIT);
    assert_reason(&exporter, "127.0.0.1");
    cluster.start_again();
    assert_recovers(&exporter, State::Primary);
}

/// A dead address in front takes nothing of the time that one needs which is only far away.
#[test]
fn a_dead_address_does_not_hurry_one_that_is_far_away() {
    let cluster = cluster();
    let proxy = FaultProxy::start(cluster.port());
    proxy.latency(Duration::from_millis(100));
    let _hole = dead(proxy.port(), 2);
    let names = Names::new("far", &["127.0.0.2", "127.0.0.1", "127.0.0.2"]);
    let exporter = names.exporter(&proxy.url("postgres"));
    wait_for_state(&exporter, State::Primary, SOON);
    wait_for_page(&exporter, 1.0);
    assert!(
        !exporter.stderr().contains("did not answer"),
        "{}",
        exporter.stderr()
    );
}

/// An address where nothing listens costs no time at all.
#[test]
fn every_address_is_named_when_none_answers() {
    let cluster = cluster();
    let names = Names::new("none", &["127.0.0.2", "127.0.0.1"]);
    let exporter = names.exporter(&cluster.url("postgres"));
    wait_for_state(&exporter, State::Primary, SOON);
    cluster.kill9();
    assert_down(&exporter, HEALTH_LIMIT);
    for address in ["127.0.0.2", "127.0.0.1"] {
        assert_reason(
            &exporter,
            &format!("({address}): error connecting to server: Connection refused"),
        );
    }
}
