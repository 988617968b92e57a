//! Probes and scrapes at once, for a minute.

use std::time::Duration;

use pg_exporter_lab::load::{self, PROBES, SCRAPES, Times};

use crate::support::{SOON, on_server, turn};

fn show(what: &str, times: &Times) {
    let [half, most, all] = [0.5, 0.99, 1.0].map(|share| times.quantile(share));
    eprintln!(
        "{what}: {} requests, p50 {half:?}, p99 {most:?}, max {all:?}",
        times.count()
    );
}

/// What the figures are in a release build, `make bench` tells.
#[test]
fn fifty_connections_of_probes_and_five_of_scrapes_for_a_minute() {
    let _turn = turn();
    let exporter = on_server().start();
    exporter.wait_for_status("/primary", 200, SOON);
    let _ = exporter.scrape();
    let times = load::run(exporter.port(), &[PROBES, SCRAPES], Duration::from_secs(60)).unwrap();
    show("probes", &times[0]);
    show("scrapes", &times[1]);
    let counts = (times[0].count(), times[1].count());
    assert!(counts.0 > 10_000 && counts.1 > 200, "{counts:?}");
    let page = exporter.scrape();
    assert_eq!(
        page.value("pg_exporter_http_connections_rejected_total", &[]),
        Some(0.0)
    );
}
