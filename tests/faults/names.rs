//! A name with several addresses, of which some are dead.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use pg_exporter_lab::{Exporter, FaultProxy, tool};

use crate::path::BlackHole;
use crate::support::{
    HEALTH_LIMIT, SOON, State, assert_down, assert_nothing_of_the_target, assert_reason, assert_recovers,
    backends, builder, cluster, page_within, wait_for_page, wait_for_state,
};
use crate::views::assert_quiet;

/// The name, which no resolver but the test's knows.
const NAME: &str = "db.test";

/// Seconds that the next file's time is ahead of the real one.
static AHEAD: AtomicU64 = AtomicU64::new(0);

/// A file of hosts that one process resolves names by.
struct Names(PathBuf);

impl Names {
    fn new(test: &str, addresses: &[&str]) -> Self {
        let path = std::env::temp_dir().join(format!("pgx-faults-{}-{test}.hosts", std::process::id()));
        let names = Self(path);
        names.set(addresses);
        names
    }

    fn set(&self, addresses: &[&str]) {
        let lines = addresses.iter().map(|address| format!("{address} {NAME}\n"));
        // One more, as a file without any is none to the resolver.
        let lines = lines.chain(["127.0.0.1 another.test\n".to_owned()]);
        fs::write(&self.0, lines.collect::<String>()).unwrap();
        // The resolver reads it anew when its time differs by a second.
        let later = Duration::from_secs(AHEAD.fetch_add(2, Ordering::Relaxed));
        let file = fs::File::options().write(true).open(&self.0).unwrap();
        file.set_modified(SystemTime::now() + later).unwrap();
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
    let log = exporter.final_log();
    assert!(!log.contains("did not answer"), "{log}");
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

/// A name that nobody knows, until somebody does.
#[test]
fn a_name_that_does_not_resolve() {
    let cluster = cluster();
    let names = Names::new("unknown", &[]);
    let exporter = names.exporter(&cluster.url("postgres"));
    assert_nothing_of_the_target(&page_within(&exporter, 5.0).0);
    assert_down(&exporter, SOON);
    assert_reason(&exporter, NAME);
    assert_eq!(backends(&cluster), 0);
    names.set(&["127.0.0.1"]);
    assert_recovers(&exporter, State::Primary);
    assert!(assert_quiet(&cluster) > 0);
}
