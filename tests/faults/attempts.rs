//! How often the exporter knocks, by the server's own log.

use std::time::{Duration, Instant};

use pg_exporter_lab::{Cluster, Exporter, newest_major};

use crate::support::{
    HEALTH_LIMIT, SOON, State, assert_nothing_of_the_target, assert_recovers, builder, page_within,
    wait_for_state,
};

const WATCHED: Duration = Duration::from_secs(8);

fn logging() -> Cluster {
    Cluster::builder(newest_major())
        .set("log_connections", "on")
        .start()
}

/// Connections to the server so far that were refused, by its log.
fn refused(cluster: &Cluster, text: &str) -> usize {
    cluster.log().matches(text).count()
}

/// Scrapes for a while, twenty times a second.
fn scrape_often(exporter: &Exporter) -> u32 {
    let begun = Instant::now();
    let mut pages = 0;
    while begun.elapsed() < WATCHED {
        assert_nothing_of_the_target(&page_within(exporter, 2.0).0);
        pages += 1;
        std::thread::sleep(Duration::from_millis(50));
    }
    pages
}

#[test]
fn refused_connects_back_off() {
    let cluster = logging();
    cluster.psql("create role monitor login");
    let allowed = "host all all 127.0.0.1/32 trust\n";
    cluster.write_file(
        "pg_hba.conf",
        &format!("host all monitor 127.0.0.1/32 reject\n{allowed}"),
    );
    cluster.reload();
    cluster.wait_for(
        "select count(*) from pg_hba_file_rules where auth_method = 'reject'",
        "1",
    );
    let exporter = builder(&cluster.url("postgres").replace("postgres@", "monitor@")).start();
    wait_for_state(&exporter, State::Down, HEALTH_LIMIT);
    let before = refused(&cluster, "pg_hba.conf rejects connection");
    let pages = scrape_often(&exporter);
    let attempts = refused(&cluster, "pg_hba.conf rejects connection") - before;
    eprintln!("{pages} pages in {WATCHED:?}: {attempts} attempts to connect");
    // The probe's one a second, and the scrapes' at 0, 0.1, 0.3, 0.7, 1.5, 3.1, 6.3 s, with jitter.
    assert!(pages > 60, "{pages}");
    assert!((8..=19).contains(&attempts), "{attempts}");
    cluster.write_file("pg_hba.conf", allowed);
    cluster.reload();
    assert_recovers(&exporter, State::Primary);
}

/// One database that refuses is not asked at every scrape either.
#[test]
fn a_refusing_database_backs_off_by_itself() {
    let cluster = logging();
    cluster.create_database("crowded");
    cluster.psql(
        "create role monitor login; grant pg_monitor to monitor; alter database crowded connection limit 0",
    );
    let exporter = builder(&cluster.url("postgres").replace("postgres@", "monitor@")).start();
    wait_for_state(&exporter, State::Primary, SOON);
    let begun = Instant::now();
    let mut pages = 0;
    while begun.elapsed() < WATCHED {
        assert_eq!(page_within(&exporter, 5.0).0.value("pg_up", &[]), Some(1.0));
        pages += 1;
        std::thread::sleep(Duration::from_millis(50));
    }
    let attempts = refused(&cluster, "too many connections for database \"crowded\"");
    eprintln!("{pages} pages in {WATCHED:?}: {attempts} attempts on the refusing database");
    assert!(pages > 40, "{pages}");
    assert!((3..=9).contains(&attempts), "{attempts}");
}
