//! Databases whose own functions send without end: that costs those databases, and the server does not go on with it.

use std::thread::sleep;
use std::time::Duration;

use pg_exporter_lab::{Cluster, majors, newest_major, wait_until};

use crate::support::{Layer, SOON, State, builder, page_within, wait_for_state};

/// A collector of each database, and one of a function that sends more than anybody reads.
const COLLECTORS: &str = "
calm: { query: 'SELECT current_database() AS datname, 1 AS one', metrics: [ { datname: { usage: LABEL, description: Name. } }, { one: { usage: GAUGE, description: One. } } ] }
noise: { query: 'SELECT public.noise() AS value', priority: 900, tags: ['dbname:noisy'], timeout: 60, metrics: [ { value: { usage: GAUGE, description: Nothing. } } ] }
";

/// Some 12 MB, and then nothing for long: the connection is given up in the middle of them.
const GOES_ON: &str = "for i in 1..10000 loop raise warning '%', repeat('x', 1000); end loop; perform pg_catalog.pg_sleep(120);";

/// Without end, whoever asks for one.
const OBSTINATE: &str = "loop begin loop raise warning '%', repeat('x', 1000); end loop; exception when query_canceled then null; end; end loop;";

fn noisy(cluster: &Cluster, body: &str) {
    cluster.create_database("noisy");
    cluster.psql_in(
        "noisy",
        &format!(
            "create function public.noise() returns integer language plpgsql as $$ begin {body} return 1; end $$"
        ),
    );
}

#[test]
fn a_statement_that_floods_is_cancelled() {
    for major in [majors()[0], newest_major()] {
        let cluster = Cluster::start(major);
        noisy(&cluster, GOES_ON);
        let layer = Layer::new(COLLECTORS);
        let exporter = builder(&cluster.url("noisy"))
            .args(["--no-builtin", "--auto-discovery=false"])
            .arg(layer.flag())
            .start();
        wait_for_state(&exporter, State::Primary, SOON);
        // As long as its own limit is, which the server knows.
        let (page, _) = page_within(&exporter, 60.0);
        let failed = [("query", "noise"), ("reason", "connection")];
        assert_eq!(page.value("pg_exporter_query_failures_total", &failed), Some(1.0));
        assert_eq!(page.value("calm_one", &[("datname", "noisy")]), Some(1.0));
        let runs = "select count(*) from pg_stat_activity where query like '%public.noise()%' and state = 'active' \
                    and pid <> pg_backend_pid()";
        wait_until("the server has ended it", SOON, || cluster.psql(runs) == "0");
    }
}

#[test]
fn a_database_that_floods_is_left_alone_and_the_others_are_not() {
    const QUIET: [&str; 3] = ["quiet_1", "quiet_2", "quiet_3"];
    // The one that floods is discovered, or the URL's. Servers from 14 on end it by themselves before they are cut off.
    for url in ["postgres", "noisy"] {
        let cluster = Cluster::start(majors()[0]);
        noisy(&cluster, OBSTINATE);
        QUIET.iter().for_each(|name| cluster.create_database(name));
        let layer = Layer::new(COLLECTORS);
        // So few that each scrape connects anew.
        let exporter = builder(&cluster.url(url))
            .args(["--no-builtin", "--max-connections=4"])
            .arg(layer.flag())
            .start();
        wait_for_state(&exporter, State::Primary, SOON);
        page_within(&exporter, 20.0);
        let told = "the server sends without end in this database, which is left alone";
        let is_at_rest = || {
            let mut paths = ["/", "/stat", "/explain"].iter();
            paths.any(|path| exporter.get(path).text().contains(told))
        };
        // Until then what it sends takes connections from the others: of four, two or three.
        let mut pages_at_rest = 0;
        wait_until("the database is left alone", SOON * 6, || {
            let was_at_rest = is_at_rest();
            let (page, _) = page_within(&exporter, 20.0);
            if was_at_rest && is_at_rest() {
                for name in QUIET {
                    let shown = page.value("calm_one", &[("datname", name)]);
                    assert_eq!(shown, Some(1.0), "{url} {name}: {}", exporter.stderr());
                }
                pages_at_rest += 1;
            }
            sleep(Duration::from_millis(500));
            pages_at_rest >= 3
        });
        wait_for_state(&exporter, State::Primary, SOON);
    }
}
