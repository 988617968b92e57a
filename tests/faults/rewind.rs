//! A failover whose old primary comes back, rewound.

use pg_exporter_lab::{Cluster, rewind_major};

use crate::support::{
    HEALTH_LIMIT, SOON, State, assert_down, assert_recovers, builder, page_within, wait_for, wait_for_state,
};

/// The old primary goes on after its standby was promoted, so that their histories part; then it is stopped, rewound and
/// started as a standby of the new one, on the same port.
#[test]
fn demoted_and_rewound() {
    let rewindable = Cluster::builder(rewind_major())
        .set("wal_log_hints", "on")
        .set("wal_keep_size", "256MB");
    let old = rewindable.start();
    let new = rewindable.start_standby_of(&old);
    let exporter = builder(&old.url("postgres")).start();
    wait_for_state(&exporter, State::Primary, SOON);
    new.promote();
    old.psql("create table lost_by_the_failover(n int); insert into lost_by_the_failover values (1)");
    new.psql("create table made_by_the_new_primary(n int)");
    let mentions = |page: &pg_exporter_lab::Page, table: &str| {
        let named = |sample: &pg_exporter_lab::page::Sample| {
            sample.label("relname").is_some_and(|name| name.contains(table))
        };
        page.samples.iter().any(named)
    };
    wait_for(&exporter, "what only the old primary has", |page| {
        mentions(page, "lost_by_the_failover")
    });
    let timeline = |page: &pg_exporter_lab::Page| page.value("pg_timeline_id", &[]);
    let before = timeline(&page_within(&exporter, 5.0).0);

    old.stop();
    assert_down(&exporter, HEALTH_LIMIT);
    old.rewind_to(&new);
    old.start_again();
    let page = assert_recovers(&exporter, State::Replica);
    assert_eq!(page.value("pg_in_recovery", &[]), Some(1.0));
    assert!(page.value("pg_insert_lsn", &[]).is_some_and(f64::is_nan));
    assert!(
        !mentions(&page, "lost_by_the_failover"),
        "what was rewound is gone"
    );
    let page = wait_for(&exporter, "its receiver and the new primary's table", |page| {
        page.all("pg_recv_pid").count() == 1 && mentions(page, "made_by_the_new_primary")
    });
    assert!(timeline(&page) > before, "{before:?}, now {:?}", timeline(&page));
    // It is a standby like any other: a second switchover works.
    new.stop();
    old.promote();
    let page = assert_recovers(&exporter, State::Primary);
    assert_eq!(page.value("pg_in_recovery", &[]), Some(0.0));
}
