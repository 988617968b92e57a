//! pgbouncer as a target goes away; the server behind a pooler goes away; a pooler that ignores what it should refuse.

use std::time::Duration;

use pg_exporter_lab::process::Signal;
use pg_exporter_lab::{Exporter, Pgbouncer, wait_until};

use crate::pooler::assert_left_as_it_was;
use crate::support::{
    HEALTH_LIMIT, SOON, State, assert_down, assert_reason, assert_recovers, builder, cluster, page_within,
    wait_for, wait_for_page, wait_for_state,
};

fn assert_console_is_down(exporter: &Exporter) {
    wait_for_state(exporter, State::Down, HEALTH_LIMIT);
    let (page, _) = page_within(exporter, 2.0);
    assert_eq!(page.value("pgbouncer_up", &[]), Some(0.0));
    let foreign = page.samples.iter().find(|sample| {
        let own = [
            "pgbouncer_exporter_",
            "process_",
            "pgbouncer_up",
            "pgbouncer_version",
            "pgbouncer_in_recovery",
        ];
        !own.iter().any(|own| sample.name.starts_with(own))
    });
    assert!(foreign.is_none(), "{foreign:?} of a target that is down");
}

fn assert_console_is_up(exporter: &Exporter) {
    wait_for_state(exporter, State::Primary, SOON);
    wait_for(exporter, "the console's series", |page| {
        page.value("pgbouncer_up", &[]) == Some(1.0)
            && page
                .samples
                .iter()
                .any(|sample| sample.name.starts_with("pgbouncer_pool_"))
    });
}

#[test]
fn a_console_killed_and_started_again() {
    let cluster = cluster();
    let mut pooler = Pgbouncer::start(&cluster);
    let exporter = builder(&pooler.stats_url()).start();
    assert_console_is_up(&exporter);
    pooler.kill();
    assert_console_is_down(&exporter);
    pooler.start_again();
    assert_console_is_up(&exporter);
}

#[test]
fn a_frozen_console() {
    let cluster = cluster();
    let pooler = Pgbouncer::start(&cluster);
    let exporter = builder(&pooler.stats_url()).start();
    assert_console_is_up(&exporter);
    pooler.signal(Signal::STOP);
    assert_console_is_down(&exporter);
    pooler.signal(Signal::CONT);
    assert_console_is_up(&exporter);
}

#[test]
fn the_server_behind_a_pooler_goes_and_comes_back() {
    let cluster = cluster();
    let pooler = Pgbouncer::start_with(&cluster, "server_login_retry = 1");
    let exporter = builder(&pooler.url("postgres")).start();
    wait_for_state(&exporter, State::Primary, SOON);
    wait_for_page(&exporter, 1.0);
    cluster.stop();
    assert_down(&exporter, HEALTH_LIMIT + Duration::from_secs(1));
    assert_reason(&exporter, "server login");
    cluster.start_again();
    assert_recovers(&exporter, State::Primary);
}

/// Options that are ignored must not make a pooler pass for a server: what is set would stay for the next client.
#[test]
fn a_pooler_that_ignores_options_is_known_as_one() {
    let cluster = cluster();
    let pooler = Pgbouncer::start_with(&cluster, "ignore_startup_parameters = options");
    let exporter = builder(&pooler.url("postgres")).arg("-T=5s").start();
    wait_for_page(&exporter, 1.0);
    page_within(&exporter, 10.0);
    wait_until("people are told", SOON, || {
        exporter
            .get("/stat")
            .text()
            .contains("Protocol: simple (through a pooler")
    });
    assert_left_as_it_was(&pooler);
}
