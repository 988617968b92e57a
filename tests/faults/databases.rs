//! Databases come and go while the exporter runs.

use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::{Page, wait_until};

use crate::support::{
    Layer, SLEEPING, SOON, State, answer, assert_recovers, builder, cluster, count, exporter_of, page_within,
    wait_for, wait_for_state, wrong_answers,
};
use crate::views::assert_quiet;

/// Whether the page has series of the database's tables.
fn has_tables_of(page: &Page, database: &str) -> bool {
    page.samples
        .iter()
        .any(|sample| sample.name.starts_with("pg_table_") && sample.label("datname") == Some(database))
}

/// Whether the page has a series of that table.
fn mentions(page: &Page, table: &str) -> bool {
    page.samples
        .iter()
        .any(|sample| sample.label("relname").is_some_and(|name| name.contains(table)))
}

#[test]
fn dropped_and_made_anew_between_scrapes() {
    let cluster = cluster();
    cluster.create_database("app");
    cluster.psql_in("app", "create table before_the_drop(n int)");
    let exporter = exporter_of(&cluster.url("postgres"));
    wait_for(&exporter, "its table", |page| mentions(page, "before_the_drop"));
    cluster.psql("drop database app with (force)");
    cluster.create_database("app");
    cluster.psql_in("app", "create table after_the_drop(n int)");
    let page = page_within(&exporter, 5.0).0;
    assert_eq!(page.value("pg_up", &[]), Some(1.0));
    assert!(
        !mentions(&page, "before_the_drop"),
        "a cached result of the database before"
    );
    wait_for(&exporter, "its new table", |page| {
        mentions(page, "after_the_drop")
    });
    cluster.psql("drop database app with (force)");
    let page = page_within(&exporter, 5.0).0;
    assert!(!has_tables_of(&page, "app"), "the first page after it knows");
    assert_eq!(
        page.value("pg_exporter_server_scrape_total_count", &[("datname", "app")]),
        None
    );
    assert_eq!(answer(&exporter, "/up").0, 200);
}

#[test]
fn dropped_and_recreated_in_the_middle_of_a_scrape() {
    let cluster = cluster();
    cluster.create_database("app");
    cluster.psql_in("app", "create table before_the_drop(n int)");
    // The URL's database keeps the scrape going while all that happens.
    let slow = |name: &str, seconds: u32, tag: &str| {
        format!(
            "{name}:\n  query: SELECT 1 AS value FROM pg_catalog.pg_sleep({seconds})\n  tags: ['{tag}']\n  timeout: 60\n  priority: 1000\n  \
             metrics:\n    - value: {{ usage: GAUGE, description: Always one. }}\n"
        )
    };
    let layer = Layer::new(&(slow("slow", 30, "dbname:app") + &slow("linger", 4, "cluster")));
    let exporter = builder(&cluster.url("postgres")).arg(layer.flag()).start();
    wait_for_state(&exporter, State::Primary, SOON);
    thread::scope(|scope| {
        let scrape = scope.spawn(|| page_within(&exporter, 25.0));
        cluster.wait_for(SLEEPING, "2");
        cluster.psql("drop database app with (force)");
        cluster.create_database("app");
        cluster.psql_in("app", "create table after_the_drop(n int)");
        let wrong = wrong_answers(&exporter, State::Primary);
        assert!(wrong.is_empty(), "{wrong:?}");
        assert!(!scrape.is_finished(), "the scrape is still on");
        let (page, took) = scrape.join().unwrap();
        assert!(took < Duration::from_secs(15), "{took:?}");
        assert_eq!(page.value("pg_up", &[]), Some(1.0), "only that database was gone");
        assert_eq!(page.value("linger_value", &[]), Some(1.0));
        assert!(page.samples.iter().any(|sample| sample.name == "pg_lsn"));
    });
    // The new one has the old one's name and nothing else of it.
    let page = page_within(&exporter, 5.0).0;
    assert!(!mentions(&page, "before_the_drop"));
    wait_for(&exporter, "its new table", |page| {
        mentions(page, "after_the_drop")
    });
    wait_for_state(&exporter, State::Primary, SOON);
    assert_quiet(&cluster);
}

/// Without force, and while nobody scrapes: at once, as an idle connection makes room; and one that nobody wants closes within
/// a minute or so.
#[test]
fn dropped_without_force_while_nobody_scrapes() {
    let cluster = cluster();
    cluster.create_database("app");
    cluster.create_database("other");
    let exporter = exporter_of(&cluster.url("postgres"));
    let begun = Instant::now();
    assert_eq!(count(&cluster, "datname in ('app', 'other')"), 2);
    cluster.psql("drop database app");
    assert_eq!(count(&cluster, "datname = 'other'"), 1, "of no concern to it");
    wait_until("an idle connection closes", Duration::from_secs(90), || {
        count(&cluster, "datname = 'other'") == 0
    });
    let took = begun.elapsed();
    eprintln!("the connection to an idle database closed {took:.0?} after the last scrape");
    assert!((50..80).contains(&took.as_secs()), "{took:?}");
    assert_recovers(&exporter, State::Primary);
}

/// A standby ends its sessions in a database that the primary drops: a recovery conflict.
#[test]
fn dropped_on_the_primary_of_a_standby() {
    let primary = cluster();
    primary.create_database("app");
    let standby = primary.standby();
    let exporter = builder(&standby.url("postgres")).start();
    wait_for_state(&exporter, State::Replica, SOON);
    wait_for(&exporter, "tables of app", |page| {
        page.value("pg_exporter_server_scrape_total_count", &[("datname", "app")])
            .is_some()
    });
    primary.psql("drop database app");
    standby.wait_for("select count(*) from pg_database where datname = 'app'", "0");
    let (page, _) = page_within(&exporter, 5.0);
    assert_eq!(page.value("pg_up", &[]), Some(1.0));
    assert_eq!(
        page.value("pg_exporter_server_scrape_total_count", &[("datname", "app")]),
        None
    );
    assert_eq!(answer(&exporter, "/replica"), (200, "replica".into()));
}

#[test]
fn one_that_refuses_connections_costs_only_itself() {
    let cluster = cluster();
    for name in ["good", "crowded", "shut", "half_dropped"] {
        cluster.create_database(name);
    }
    cluster.psql(
        "create role monitor login; grant pg_monitor to monitor; alter database crowded connection limit 0; \
         revoke connect on database shut from public; \
         update pg_database set datconnlimit = -2 where datname = 'half_dropped'",
    );
    let exporter = exporter_of(&cluster.url("postgres").replace("postgres@", "monitor@"));
    let page = wait_for(&exporter, "databases", |page| {
        page.value("pg_exporter_server_scrape_error_count", &[("datname", "crowded")])
            .is_some_and(|n| n > 0.0)
    });
    assert_eq!(
        page.value("pg_exporter_server_scrape_error_count", &[("datname", "good")]),
        Some(0.0)
    );
    assert_eq!(
        page.value(
            "pg_exporter_server_scrape_error_count",
            &[("datname", "postgres")]
        ),
        Some(0.0)
    );
    for name in ["shut", "half_dropped"] {
        assert_eq!(
            page.value("pg_exporter_server_scrape_error_count", &[("datname", name)]),
            None,
            "{name}: without the right to connect, or left invalid by an interrupted DROP, it is no candidate"
        );
    }
    cluster.psql("alter database crowded connection limit -1");
    wait_for(&exporter, "tables of crowded", |page| {
        page.value("pg_exporter_server_scrape_duration", &[("datname", "crowded")])
            .is_some()
            && page.samples.iter().any(|s| {
                s.label("datname") == Some("crowded")
                    && !s.name.starts_with("pg_exporter_")
                    && s.name.starts_with("pg_relkind")
            })
    });
}
