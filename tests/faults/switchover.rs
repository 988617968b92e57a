//! Several hosts in the URL, of which `target_session_attrs` picks one: who holds which role changes under connections that
//! are kept.

use std::thread::sleep;
use std::time::{Duration, Instant};

use pg_exporter_lab::{Cluster, Exporter, newest_major};

use crate::support::{
    HEALTH_LIMIT, Layer, SOON, State, assert_down, builder, cluster, page_within, wait_for, wait_for_state,
};

/// A switchover takes its time; so long that the waits between tries to connect have grown to seconds.
const OUTAGE: Duration = Duration::from_secs(7);

/// The port that the page comes from.
fn layer() -> Layer {
    Layer::new(
        "which:\n  query: SELECT current_setting('port')::int AS port\n  tags: [cluster]\n  metrics:\n    \
         - port: { usage: GAUGE, description: The server's port. }\n",
    )
}

fn exporter(hosts: &[&Cluster], attributes: &str, layer: &Layer) -> Exporter {
    let hosts: Vec<_> = hosts
        .iter()
        .map(|host| format!("127.0.0.1:{}", host.port()))
        .collect();
    let url = format!(
        "postgresql://postgres@{}/postgres?target_session_attrs={attributes}",
        hosts.join(",")
    );
    builder(&url).arg(layer.flag()).start()
}

/// Waits for a page of that server.
#[track_caller]
fn wait_for_server(exporter: &Exporter, server: &Cluster) {
    let port = f64::from(server.port());
    wait_for(exporter, "the server that is wanted", |page| {
        page.value("which_port", &[]) == Some(port)
    });
}

/// The first page comes from that server, or the second: no connection is kept that is no longer wanted.
#[track_caller]
fn assert_moved(exporter: &Exporter, server: &Cluster) {
    let port = f64::from(server.port());
    let pages: Vec<_> = (0..2).map(|_| page_within(exporter, 5.0).0).collect();
    let found: Vec<_> = pages.iter().map(|page| page.value("which_port", &[])).collect();
    assert!(found.contains(&Some(port)), "{found:?}, wanted {port}");
    assert_eq!(pages[1].value("pg_up", &[]), Some(1.0));
}

/// Makes the second server the primary and the first its standby.
fn switch_over(old: &Cluster, new: &Cluster) {
    // All WAL reaches the standby before a clean shutdown ends, so that the old primary can follow it.
    old.stop();
    sleep(OUTAGE);
    new.promote();
    old.write_file("standby.signal", "");
    old.set(
        "primary_conninfo",
        &format!("host=127.0.0.1 port={} user=postgres", new.port()),
    );
    old.start_again();
}

#[test]
fn a_switchover_is_followed_within_a_scrape_or_two() {
    let first = cluster();
    let second = first.standby();
    let layer = layer();
    let exporter = exporter(&[&first, &second], "primary", &layer);
    wait_for_state(&exporter, State::Primary, SOON);
    wait_for_server(&exporter, &first);
    std::thread::scope(|scope| {
        let switch = scope.spawn(|| {
            switch_over(&first, &second);
            Instant::now()
        });
        assert_down(&exporter, HEALTH_LIMIT);
        // Prometheus asks on and on.
        while !switch.is_finished() {
            page_within(&exporter, 5.0);
            sleep(Duration::from_millis(500));
        }
        let done = switch.join().unwrap();
        wait_for_state(&exporter, State::Primary, HEALTH_LIMIT);
        assert_moved(&exporter, &second);
        eprintln!("switchover: on the new primary {:.2?} after it", done.elapsed());
        assert!(done.elapsed() < HEALTH_LIMIT, "{:?}", done.elapsed());
    });
    // And back again.
    switch_over(&second, &first);
    wait_for_state(&exporter, State::Primary, HEALTH_LIMIT);
    assert_moved(&exporter, &first);
}

/// A promotion ends no session: that of a standby goes on, on a primary.
#[test]
fn a_promoted_standby_is_left_for_one_that_still_is() {
    for attributes in ["standby", "prefer-standby", "read-only"] {
        let primary = cluster();
        primary.create_database("app");
        let (first, second) = (primary.standby(), primary.standby());
        let layer = layer();
        let exporter = exporter(&[&first, &second], attributes, &layer);
        wait_for_state(&exporter, State::Replica, SOON);
        wait_for_server(&exporter, &first);
        first.promote();
        assert_moved(&exporter, &second);
        let begun = Instant::now();
        wait_for_state(&exporter, State::Replica, HEALTH_LIMIT);
        let page = page_within(&exporter, 5.0).0;
        assert_eq!(page.value("pg_in_recovery", &[]), Some(1.0), "{attributes}");
        eprintln!(
            "{attributes}: the probe has moved {:.2?} after the scrapes",
            begun.elapsed()
        );
        let left = "select count(*) from pg_stat_activity where application_name = 'pg_exporter'";
        first.wait_for(left, "0");
    }
}

/// Without another standby, `prefer-standby` takes what there is, `standby` nothing.
#[test]
fn the_last_standby_is_promoted() {
    let primary = Cluster::start(newest_major());
    let standby = primary.standby();
    let layer = layer();
    let choosy = exporter(&[&standby], "standby", &layer);
    let content = exporter(&[&standby], "prefer-standby", &layer);
    for exporter in [&choosy, &content] {
        wait_for_state(exporter, State::Replica, SOON);
        wait_for_server(exporter, &standby);
    }
    standby.promote();
    assert_moved(&content, &standby);
    wait_for_state(&content, State::Primary, HEALTH_LIMIT);
    assert_down(&choosy, HEALTH_LIMIT);
    assert!(choosy.get("/").text().contains("target_session_attrs"));
}
