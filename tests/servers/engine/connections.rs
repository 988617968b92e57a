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
