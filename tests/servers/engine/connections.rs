//! Connections: as few as asked for, and prepared once.

use pg_exporter_lab::{Cluster, newest_major};

use super::Own;
use crate::support::{label_values, value};

const NAMED: &str = "
named: { query: 'SELECT current_database() AS datname, 1 AS one', metrics: [ { datname: { usage: LABEL, description: Name. } }, { one: { usage: GAUGE, description: One. } } ] }
";

const OURS: &str = "select count(*) from pg_stat_activity where application_name like 'pg_exporter%'";

#[test]
fn twenty_databases_are_scraped_over_a_few_connections() {
    let cluster = Cluster::builder(newest_major())
        .set("log_connections", "on")
        .start();
    for number in 1..=20 {
        cluster.create_database(&format!("db{number:02}"));
    }
    let own = Own::with(&cluster, "postgres", NAMED, &["--max-connections=3"]);
    for _ in 0..3 {
        let page = own.scrape();
        assert_eq!(label_values(&page, "named_one", "datname").len(), 21);
        let open = value(&page, "pg_exporter_connections_open", &[]);
        assert!((1.0..=2.0).contains(&open), "{open} besides the health probe's");
        let there: u32 = cluster.psql(OURS).parse().unwrap();
        assert!((1..=3).contains(&there), "{there}");
        assert_eq!(
            value(
                &page,
                "pg_exporter_server_scrape_error_count",
                &[("datname", "db20")]
            ),
            0.0
        );
    }
}

/// A cluster with twenty databases that logs connections, and how many there were to these databases.
fn of_twenty() -> (Cluster, impl Fn(&Cluster) -> usize) {
    let cluster = Cluster::builder(newest_major())
        .set("log_connections", "on")
        .start();
    for number in 1..=20 {
        cluster.create_database(&format!("db{number:02}"));
    }
    let opened = |cluster: &Cluster| {
        let log = cluster.log();
        let lines = log.lines().filter(|line| line.contains("connection authorized"));
        lines.filter(|line| line.contains("database=db")).count()
    };
    (cluster, opened)
}

#[test]
fn only_the_surplus_over_the_cap_is_connected_to_anew() {
    let (cluster, opened) = of_twenty();
    // Two are the health probe's, one the URL's database's: five are left for twenty.
    let own = Own::with(&cluster, "postgres", NAMED, &["--max-connections=8"]);
    own.scrape();
    own.scrape();
    let before = opened(&cluster);
    for _ in 0..3 {
        assert_eq!(label_values(&own.scrape(), "named_one", "datname").len(), 21);
    }
    let each = (opened(&cluster) - before) as f64 / 3.0;
    assert!(each <= 15.0, "{each} new connections for each scrape");
}

#[test]
fn more_databases_have_more_connections_where_the_server_has_room() {
    let (cluster, opened) = of_twenty();
    let own = Own::with(&cluster, "postgres", NAMED, &[]);
    let there = || cluster.psql(OURS).parse::<usize>().unwrap();
    own.scrape();
    own.scrape();
    let before = opened(&cluster);
    for _ in 0..3 {
        assert_eq!(label_values(&own.scrape(), "named_one", "datname").len(), 21);
    }
    assert_eq!(opened(&cluster) - before, 0, "each database keeps its session");
    // One for each database, two for the health probe, one for a run beside the one that is on.
    assert!((21..=24).contains(&there()), "{}", there());
}

/// Where no run gets to all databases before its deadline, the server is asked for its room all the same.
#[test]
fn more_databases_have_more_connections_however_short_the_time_is() {
    let (cluster, _) = of_twenty();
    let slow = NAMED.replace("1 AS one'", "1 AS one FROM pg_catalog.pg_sleep(0.2)', timeout: 5");
    let own = Own::with(&cluster, "postgres", &slow, &["--parallel=1"]);
    let hurry = [("X-Prometheus-Scrape-Timeout-Seconds", "2")];
    pg_exporter_lab::wait_until("more than eight connections", crate::support::PATIENCE, || {
        let begun = std::time::Instant::now();
        own.exporter.request("GET", "/metrics", &hurry);
        assert!(
            begun.elapsed() > std::time::Duration::from_secs(1),
            "no run is long enough"
        );
        cluster.psql(OURS).parse::<usize>().unwrap() > 8
    });
}

#[test]
fn a_server_without_room_is_asked_for_no_more_than_eight() {
    let cluster = Cluster::builder(newest_major())
        .set("max_connections", "24")
        .start();
    (1..=20).for_each(|number| cluster.create_database(&format!("db{number:02}")));
    let own = Own::with(&cluster, "postgres", NAMED, &[]);
    for _ in 0..3 {
        assert_eq!(label_values(&own.scrape(), "named_one", "datname").len(), 21);
        let there: u32 = cluster.psql(OURS).parse().unwrap();
        assert!(there <= 8, "{there}");
    }
}

/// Where others have most of it, half of what they leave.
#[test]
fn a_server_that_is_nearly_full_has_fewer_of_ours() {
    let cluster = Cluster::builder(newest_major())
        .set("max_connections", "24")
        .start();
    (1..=20).for_each(|number| cluster.create_database(&format!("db{number:02}")));
    let _others: Vec<_> = (0..11).map(|_| cluster.session("postgres")).collect();
    let own = Own::with(&cluster, "postgres", NAMED, &[]);
    own.scrape();
    for _ in 0..3 {
        assert_eq!(label_values(&own.scrape(), "named_one", "datname").len(), 21);
        let there: u32 = cluster.psql(OURS).parse().unwrap();
        assert!(there <= 5, "{there} of 10");
    }
}

/// Each sees the room before the others have taken theirs.
#[test]
fn exporters_that_start_together_leave_some_free() {
    let cluster = Cluster::builder(newest_major())
        .set("max_connections", "63")
        .start();
    (1..=20).for_each(|number| cluster.create_database(&format!("db{number:02}")));
    let both = [(), ()].map(|()| Own::with(&cluster, "postgres", NAMED, &[]));
    let done = std::sync::atomic::AtomicBool::new(false);
    let most = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = 0;
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                most = most.max(cluster.psql(OURS).parse::<usize>().unwrap());
            }
            most
        });
        for _ in 0..4 {
            std::thread::scope(|scope| {
                both.iter().for_each(|own| {
                    scope.spawn(|| own.scrape());
                });
            });
        }
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        watch.join().unwrap()
    });
    // Of 60, and one that asks.
    assert!((17..=43).contains(&most), "{most}");
    for own in &both {
        assert_eq!(label_values(&own.scrape(), "named_one", "datname").len(), 21);
    }
}

/// What others have had they find again, and what they take now they are given.
#[test]
fn what_others_need_is_left_to_them() {
    let (cluster, _) = of_twenty();
    let own = Own::with(&cluster, "postgres", NAMED, &[]);
    let there = || {
        own.scrape();
        cluster.psql(OURS).parse::<usize>().unwrap()
    };
    there();
    pg_exporter_lab::wait_until("a connection for each database", crate::support::PATIENCE, || {
        there() > 20
    });
    // Of 97, and one that asks: 32 are free, of which 16 are left free.
    let others: Vec<_> = (0..64).map(|_| cluster.session("postgres")).collect();
    let few = || (1..=16).contains(&there());
    pg_exporter_lab::wait_until("fewer connections", crate::support::PATIENCE, few);
    assert_eq!(label_values(&own.scrape(), "named_one", "datname").len(), 21);
    drop(others);
    let begun = std::time::Instant::now();
    while begun.elapsed() < std::time::Duration::from_secs(20) {
        assert!(few(), "those who have left come back");
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    assert_eq!(label_values(&own.scrape(), "named_one", "datname").len(), 21);
}

#[test]
fn a_role_that_is_limited_keeps_within_its_limit() {
    let (cluster, _) = of_twenty();
    for limit in [10, 5, 4] {
        within_its_limit(&cluster, limit);
    }
}

fn within_its_limit(cluster: &Cluster, limit: u32) {
    cluster.psql(&format!(
        "create role few login connection limit {limit} in role pg_monitor"
    ));
    let url = cluster.url("postgres").replace("postgres@", "few@");
    let layer = super::Layer::new(NAMED);
    let exporter = super::exporter(&url)
        .arg("--no-builtin")
        .arg("--config")
        .arg(layer.path());
    let exporter = exporter.start();
    // The first is made before the limit is known.
    for _ in 0..3 {
        let page = exporter.scrape();
        assert_eq!(label_values(&page, "named_one", "datname").len(), 21);
        let there: u32 = cluster
            .psql("select count(*) from pg_stat_activity where usename = 'few'")
            .parse()
            .unwrap();
        assert!(there <= limit, "{there}");
    }
    drop(exporter);
    cluster.wait_for("select count(*) from pg_stat_activity where usename = 'few'", "0");
    cluster.psql("drop role few");
}

/// No session of another database makes room for one that lets no more of us in.
#[test]
fn a_database_that_is_full_costs_itself() {
    let (cluster, _) = of_twenty();
    cluster.psql("create role few login in role pg_monitor");
    for name in ["db07", "db20"] {
        cluster.psql(&format!("alter database {name} connection limit 0"));
    }
    let url = cluster.url("postgres").replace("postgres@", "few@");
    let layer = super::Layer::new(NAMED);
    let exporter = super::exporter(&url).arg("--no-builtin");
    let exporter = exporter.arg("--config").arg(layer.path()).start();
    // At first there are more databases than connections.
    (0..2).for_each(|_| drop(exporter.scrape()));
    let kept =
        "select pid, datname from pg_stat_activity where usename = 'few' and datname like 'db%' order by 1";
    let before = cluster.psql(kept);
    for _ in 0..5 {
        let page = exporter.scrape();
        assert_eq!(label_values(&page, "named_one", "datname").len(), 19);
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
    assert_eq!(cluster.psql(kept), before);
}

#[test]
fn a_database_in_which_nothing_is_due_is_not_connected_to() {
    let (cluster, opened) = of_twenty();
    let kept = NAMED.replace("{ query", "{ ttl: 600, query");
    let own = Own::with(&cluster, "postgres", &kept, &["--max-connections=3"]);
    own.scrape();
    let before = opened(&cluster);
    let page = own.scrape();
    assert_eq!(label_values(&page, "named_one", "datname").len(), 21);
    assert!(
        opened(&cluster) - before <= 1,
        "but the one that is connected to already"
    );
    assert!(value(&page, "pg_exporter_oldest_result_age_seconds", &[]) < 60.0);
}

#[test]
fn every_database_has_its_turn_however_short_the_time_is() {
    let (cluster, _) = of_twenty();
    let slow = NAMED.replace("1 AS one'", "1 AS one FROM pg_catalog.pg_sleep(0.2)', timeout: 5");
    let own = Own::with(
        &cluster,
        "postgres",
        &slow,
        &["--max-connections=4", "--parallel=1"],
    );
    let hurry = [("X-Prometheus-Scrape-Timeout-Seconds", "2")];
    let scrape = || pg_exporter_lab::Page::parse(&own.exporter.request("GET", "/metrics", &hurry).text());
    let scrapes = |page: &pg_exporter_lab::Page| -> Vec<f64> {
        let of = |number| format!("db{number:02}");
        let count = |name: String| {
            let labels = [("datname", name.as_str())];
            page.value("pg_exporter_server_scrape_total_count", &labels)
                .unwrap_or(0.0)
        };
        (1..=20).map(|number| count(of(number))).collect()
    };
    pg_exporter_lab::wait_until("all have had their turn twice", crate::support::PATIENCE, || {
        let counts = scrapes(&scrape());
        let least = counts.iter().copied().fold(f64::INFINITY, f64::min);
        let most = counts.iter().copied().fold(0.0, f64::max);
        assert!(most - least <= 1.0, "{counts:?}");
        least >= 2.0
    });
}

#[test]
fn connections_stay_open_and_say_whose_they_are() {
    let cluster = Cluster::start(newest_major());
    cluster.create_database("shop");
    let own = Own::with(&cluster, "postgres", NAMED, &[]);
    own.scrape();
    let pids =
        "select datname, pid from pg_stat_activity where application_name like 'pg_exporter%' order by 1, 2";
    // One for each database, and the health probe's.
    cluster.wait_for(OURS, "3");
    let before = cluster.psql(pids);
    own.scrape();
    own.scrape();
    assert_eq!(cluster.psql(pids), before);
}
