//! A server changes its role.

use std::time::{Duration, Instant};

use pg_exporter_lab::{Cluster, Page, majors, newest_major};

use crate::path::BlackHole;
use crate::support::{
    HEALTH_LIMIT, SOON, State, assert_down, assert_recovers, backends, builder, cluster, exporter_of,
    page_within, wait_for, wait_for_page, wait_for_state, wait_for_state_of,
};
use crate::views::assert_quiet;

/// Families that only a server in recovery has.
const OF_REPLICAS: [&str; 2] = ["pg_recv_pid", "pg_db_confl_confl_lock"];

fn names_with(page: &Page, name: &str) -> usize {
    page.all(name).count()
}

fn replica_exporter(standby: &Cluster) -> pg_exporter_lab::Exporter {
    let exporter = builder(&standby.url("postgres")).start();
    wait_for_state(&exporter, State::Replica, SOON);
    wait_for(&exporter, "its receiver", |page| {
        names_with(page, "pg_recv_pid") == 1
    });
    exporter
}

#[test]
fn a_promotion() {
    for major in [majors()[0], newest_major()] {
        promote_watched(&Cluster::start(major));
    }
}

fn promote_watched(primary: &Cluster) {
    let standby = primary.standby();
    let exporter = replica_exporter(&standby);
    let (page, _) = page_within(&exporter, 5.0);
    assert_eq!(page.value("pg_in_recovery", &[]), Some(1.0));
    assert!(OF_REPLICAS.iter().all(|name| names_with(&page, name) > 0));
    assert!(page.value("pg_insert_lsn", &[]).is_some_and(f64::is_nan));

    standby.promote();
    let (page, page_took) = page_within(&exporter, 5.0);
    assert_eq!(
        page.value("pg_in_recovery", &[]),
        Some(0.0),
        "the first page knows it"
    );
    assert!(
        OF_REPLICAS.iter().all(|name| names_with(&page, name) == 0),
        "what only replicas have is gone"
    );
    assert!(page.value("pg_insert_lsn", &[]).is_some_and(|lsn| lsn > 0.0));
    let took = wait_for_state_of(&standby, &exporter, State::Primary, HEALTH_LIMIT);
    // A promotion ends no session: the same connections go on, and none of them is to the old primary.
    assert!(assert_quiet(&standby) > 0);
    assert_eq!(backends(primary), 0);
    let major = standby.major();
    eprintln!(
        "promotion of {major}: a page in {page_took:.2?}, then every health path says primary after {took:.2?}"
    );
}

#[test]
fn a_promotion_under_continuous_scrapes_never_mixes_roles() {
    let primary = cluster();
    let standby = primary.standby();
    let exporter = replica_exporter(&standby);
    let mut pages = Vec::new();
    std::thread::scope(|scope| {
        let promotion = scope.spawn(|| standby.promote());
        let deadline = Instant::now() + SOON;
        while Instant::now() < deadline {
            let page = page_within(&exporter, 5.0).0;
            let is_done = promotion.is_finished() && page.value("pg_in_recovery", &[]) == Some(0.0);
            pages.push(page);
            if is_done {
                break;
            }
        }
        promotion.join().unwrap();
    });
    assert_eq!(pages.last().unwrap().value("pg_in_recovery", &[]), Some(0.0));
    for page in &pages {
        let in_recovery = page.value("pg_in_recovery", &[]) == Some(1.0);
        assert!(
            in_recovery || names_with(page, "pg_recv_pid") == 0,
            "a receiver of a primary"
        );
        assert_eq!(
            page.value("pg_up", &[]),
            Some(1.0),
            "no page is lost by a promotion"
        );
    }
}

#[test]
fn a_demotion() {
    let primary = cluster();
    let standby = primary.standby();
    let exporter = exporter_of(&primary.url("postgres"));
    // All WAL reaches the standby before a clean shutdown ends, so that the old primary can follow it.
    primary.stop();
    standby.promote();
    assert_down(&exporter, HEALTH_LIMIT);
    primary.write_file("standby.signal", "");
    primary.set(
        "primary_conninfo",
        &format!("host=127.0.0.1 port={} user=postgres", standby.port()),
    );
    primary.start_again();
    wait_for_state(&exporter, State::Replica, SOON);
    let page = wait_for_page(&exporter, 1.0);
    assert_eq!(page.value("pg_in_recovery", &[]), Some(1.0));
    assert!(page.value("pg_insert_lsn", &[]).is_some_and(f64::is_nan));
    let page = wait_for(&exporter, "its receiver", |page| {
        names_with(page, "pg_recv_pid") == 1
    });
    let port = standby.port().to_string();
    assert_eq!(
        page.all("pg_recv_pid").next().unwrap().label("sender_port"),
        Some(&*port)
    );
}

#[test]
fn a_failover_with_two_hosts_in_the_url() {
    let primary = cluster();
    let standby = primary.standby();
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", primary.port(), standby.port());
    let exporter = exporter_of(&format!("postgresql://postgres@{hosts}/postgres"));
    primary.kill9();
    // The other host answers, as what it is.
    wait_for_state_of(&standby, &exporter, State::Replica, HEALTH_LIMIT);
    let page = wait_for_page(&exporter, 1.0);
    assert_eq!(page.value("pg_in_recovery", &[]), Some(1.0));
    standby.promote();
    assert_eq!(
        page_within(&exporter, 5.0).0.value("pg_in_recovery", &[]),
        Some(0.0)
    );
    wait_for_state_of(&standby, &exporter, State::Primary, HEALTH_LIMIT);
    assert!(assert_quiet(&standby) > 0);
    // Whoever answers is kept: the old primary, as it comes back, is not asked.
    primary.start_again();
    let page = assert_recovers(&exporter, State::Primary);
    assert_eq!(page.value("pg_in_recovery", &[]), Some(0.0));
    assert_eq!(backends(&primary), 0);
    assert!(assert_quiet(&standby) > 0);
}

#[test]
fn a_failover_follows_the_session_attributes() {
    let primary = cluster();
    let standby = primary.standby();
    // The standby comes first: only the attribute leads to the primary.
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", standby.port(), primary.port());
    let exporter = exporter_of(&format!(
        "postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"
    ));
    primary.kill9();
    assert_down(&exporter, HEALTH_LIMIT + Duration::from_secs(1));
    standby.promote();
    let page = assert_recovers(&exporter, State::Primary);
    assert_eq!(page.value("pg_in_recovery", &[]), Some(0.0));
    assert!(assert_quiet(&standby) > 0);
}

/// A host that does not even refuse uses up its share of the time, not that of the others.
#[test]
fn a_silent_host_does_not_hide_the_next_one() {
    let hole = BlackHole::open();
    let primary = cluster();
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", hole.port(), primary.port());
    let exporter = exporter_of(&format!("postgresql://postgres@{hosts}/postgres"));
    // Connections that are open already are kept.
    let (page, took) = page_within(&exporter, 5.0);
    assert_eq!(page.value("pg_up", &[]), Some(1.0));
    assert!(took < Duration::from_secs(1), "{took:?}");
}
