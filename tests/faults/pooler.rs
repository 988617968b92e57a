//! PostgreSQL behind a pooler of transactions: nothing that outlives a transaction is set or prepared there.

use std::collections::BTreeSet;

use pg_exporter_lab::{Cluster, Pgbouncer, majors, newest_major, wait_until};

use crate::support::{SOON, State, builder, page_within, wait_for, wait_for_page, wait_for_state};

#[test]
fn a_server_through_pgbouncer_is_scraped_whole() {
    for major in [majors()[0], newest_major()] {
        let cluster = Cluster::start(major);
        cluster.create_database("app");
        let pooler = Pgbouncer::start(&cluster);
        let exporter = builder(&pooler.url("postgres"))
            .args(["-T=5s", "--disable-cache"])
            .start();
        wait_for_state(&exporter, State::Primary, SOON);
        wait_for_page(&exporter, 1.0);
        for _ in 0..3 {
            let (page, _) = page_within(&exporter, 10.0);
            assert_eq!(page.value("pg_up", &[]), Some(1.0));
        }
        wait_for(&exporter, "what both databases have", |page| {
            ["app", "postgres"].iter().all(|name| {
                page.all("pg_relkind_count")
                    .any(|sample| sample.label("datname") == Some(name))
            })
        });
        // The same names as without a pooler; those that come and go with what others do just now may be on some pages only.
        let direct = builder(&cluster.url("postgres"))
            .args(["-T=5s", "--disable-cache"])
            .start();
        wait_for_page(&direct, 1.0);
        let names = |exporter| {
            let page = page_within(exporter, 10.0).0;
            let names = page.samples.into_iter().map(|sample| sample.name);
            names.collect::<BTreeSet<_>>()
        };
        // Between the two looks without a pooler, so that what others did during both is on the pages through it.
        let before = names(&direct);
        let through = (0..3).flat_map(|_| names(&exporter)).collect::<BTreeSet<_>>();
        let always = &before & &names(&direct);
        let lost: Vec<_> = always.difference(&through).collect();
        assert!(lost.is_empty(), "{major}: {lost:?} are lost on the way");
    }
}

/// People are told that statements run unnamed, and why; without a pooler nothing of it.
#[test]
fn what_people_read_says_that_statements_run_unnamed() {
    let cluster = Cluster::start(newest_major());
    let pooler = Pgbouncer::start(&cluster);
    for (url, protocol) in [
        (pooler.url("postgres"), "simple"),
        (cluster.url("postgres"), "prepared"),
    ] {
        let exporter = builder(&url).arg("-T=5s").start();
        wait_for_page(&exporter, 1.0);
        let line = "Protocol: simple (through a pooler, so statements run unnamed instead of prepared)";
        for path in ["/stat", "/explain"] {
            let text = exporter.get(path).text();
            assert_eq!(text.contains(line), protocol == "simple", "{path}: {text}");
            let json = exporter.get(&format!("{path}?format=json")).text();
            let said = json.matches(&format!("\"protocol\": \"{protocol}\"")).count();
            assert_eq!(said, json.matches("\"protocol\"").count(), "{path}: {json}");
            assert!(said > 30, "{path}: {said}");
        }
    }
}

/// pgbouncer's own console has nothing but the simple protocol: nothing to wonder about.
#[test]
fn the_console_needs_no_remark() {
    let pooler = Pgbouncer::start(&Cluster::start(newest_major()));
    let exporter = builder(&pooler.stats_url()).arg("-T=5s").start();
    wait_for_state(&exporter, State::Primary, SOON);
    wait_until("it was scraped", SOON, || {
        page_within(&exporter, 10.0).0.value("pgbouncer_up", &[]) == Some(1.0)
    });
    assert!(!exporter.get("/stat").text().contains("Protocol:"));
    let json = exporter.get("/stat?format=json").text();
    assert!(
        json.contains("\"protocol\": \"simple\"") && !json.contains("\"prepared\""),
        "{json}"
    );
}

/// A pooled connection goes to the next client as it was found.
/// Each server connection of the pool in turn, while the others are in use: nothing of ours is set or prepared in it.
#[track_caller]
pub(crate) fn assert_left_as_it_was(pooler: &Pgbouncer) {
    let mut sessions: Vec<_> = (0..5).map(|_| pooler.session("postgres")).collect();
    for session in &mut sessions {
        session.exec("begin");
        for (setting, expected) in [
            ("statement_timeout", "0"),
            ("lock_timeout", "0"),
            ("default_transaction_read_only", "off"),
            ("client_min_messages", "notice"),
        ] {
            assert_eq!(session.exec(&format!("show {setting}")), expected, "{setting}");
        }
        assert_eq!(session.exec("select count(*) from pg_prepared_statements"), "0");
    }
}

#[test]
fn a_pooled_connection_is_left_as_it_was() {
    let cluster = Cluster::start(newest_major());
    let pooler = Pgbouncer::start(&cluster);
    let exporter = builder(&pooler.url("postgres")).arg("-T=5s").start();
    wait_for_page(&exporter, 1.0);
    page_within(&exporter, 10.0);
    assert_left_as_it_was(&pooler);
}
