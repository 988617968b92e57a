//! Statements that end their own session, or the server, each time that they run.

use std::thread::sleep;
use std::time::Duration;

use pg_exporter_lab::{Cluster, Page, majors, newest_major, wait_until};

use crate::support::{Layer, SOON, State, builder, page_within, wait_for_state};
use crate::views::assert_quiet;

/// The end of a definition whose column is `value`.
const VALUE: &str = "metrics: [ { value: { usage: GAUGE, description: Value. } } ]";

/// Collectors of each database in front of such a one and behind it.
const OTHERS: [(&str, u32); 2] = [("front", 1), ("behind", 900)];

fn others() -> String {
    let other = |(name, priority): &(&str, u32)| {
        format!(
            "{name}: {{ query: 'SELECT current_database() AS datname, 1 AS value', priority: {priority}, timeout: 10, \
             metrics: [ {{ datname: {{ usage: LABEL, description: Name. }} }}, {{ value: {{ usage: GAUGE, description: One. }} }} ] }}\n"
        )
    };
    OTHERS.iter().map(other).collect()
}

/// What every page must have.
#[track_caller]
fn assert_others(page: &Page, databases: &[&str], what: &str) {
    assert_eq!(page.value("pg_up", &[]), Some(1.0), "{what}");
    for (name, _) in OTHERS {
        for database in databases {
            let value = page.value(&format!("{name}_value"), &[("datname", database)]);
            assert_eq!(value, Some(1.0), "{what}: {name} of {database}");
        }
    }
}

/// A collector that ends its session.
struct Case {
    /// The server's first version that knows of it.
    since: u32,
    definition: String,
    /// Why it fails.
    reason: &'static str,
    sqlstate: &'static str,
}

fn cases() -> Vec<Case> {
    let of = |query: &str| format!("query: \"{query}\", timeout: 5, priority: 100, {VALUE}");
    let terminate = "SELECT pg_terminate_backend(pg_backend_pid())";
    let case = |definition, reason, sqlstate| Case {
        since: 10,
        definition,
        reason,
        sqlstate,
    };
    vec![
        case(of(&format!("{terminate}::int AS value")), "connection", "57P01"),
        // In the middle of its rows.
        case(
            of(
                "SELECT i AS value FROM generate_series(1, 3) AS i WHERE i < 3 OR pg_terminate_backend(pg_backend_pid())",
            ),
            "connection",
            "57P01",
        ),
        // By a predicate.
        case(
            format!(
                "query: SELECT 1 AS value, priority: 100, predicate_queries: [ {{ name: p, predicate_query: {terminate} }} ], {VALUE}"
            ),
            "connection",
            "57P01",
        ),
        // Errors that end the session, of classes that others have without that.
        case(of("SELECT public.fatal('22012') AS value"), "connection", "22012"),
        case(of("SELECT public.fatal('42501') AS value"), "permission", "42501"),
        case(of("SELECT public.fatal('57014') AS value"), "timeout", "57014"),
        Case {
            since: 17,
            ..case(
                of(
                    "SELECT CASE WHEN set_config('transaction_timeout', '50', false) > '' AND pg_sleep(1) IS NOT NULL THEN 1 END AS value",
                ),
                "timeout",
                "25P04",
            )
        },
    ]
}

#[test]
fn a_statement_that_ends_its_session_costs_itself_alone() {
    const DATABASES: [&str; 2] = ["postgres", "app"];
    for major in [majors()[0], newest_major()] {
        let cluster = Cluster::start(major);
        cluster.create_database("app");
        cluster.psql(
            "create function public.fatal(code text) returns int language plpgsql as $$ begin \
             perform set_config('exit_on_error', 'on', false); raise 'no' using errcode = code; end $$",
        );
        for case in cases().iter().filter(|case| case.since <= major) {
            // On the URL's database alone, so that it fails once in a scrape.
            let layer = Layer::new(&format!(
                "{}ends: {{ tags: [cluster], {} }}\n",
                others(),
                case.definition
            ));
            let exporter = builder(&cluster.url("postgres"))
                .args([layer.flag(), "--no-builtin".into()])
                .start();
            wait_for_state(&exporter, State::Primary, SOON);
            let what = || format!("{major}: {}: {}", case.definition, exporter.stderr());
            let (page, _) = page_within(&exporter, 20.0);
            assert_others(&page, &DATABASES, &what());
            let of = [("query", "ends"), ("reason", case.reason)];
            let failures = |page: &Page| page.value("pg_exporter_query_failures_total", &of);
            assert_eq!(failures(&page), Some(1.0), "{}", what());
            assert!(exporter.get("/stat").text().contains(case.sqlstate), "{}", what());
            // Scrapes that are closer than a second count as so far apart: it waits 1.5 s behind its second failure.
            let mut last = page;
            for _ in 0..10 {
                last = page_within(&exporter, 20.0).0;
                assert_others(&last, &DATABASES, &what());
            }
            assert!(failures(&last) <= Some(3.0), "{}", what());
            drop(exporter);
            assert_quiet(&cluster);
        }
    }
}

/// In each database, some of them together.
#[test]
fn several_statements_that_end_their_sessions_cost_themselves_alone() {
    let cluster = Cluster::start(newest_major());
    cluster.create_database("app");
    let ends = |number: u32| {
        format!(
            "ends_{number}: {{ query: SELECT pg_terminate_backend(pg_backend_pid())::int AS value, \
             priority: {number}00, {VALUE} }}\n"
        )
    };
    let layer = Layer::new(&(others() + &(1..=3).map(ends).collect::<String>()));
    let exporter = builder(&cluster.url("postgres"))
        .args([layer.flag(), "--no-builtin".into()])
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    for _ in 0..5 {
        let (page, _) = page_within(&exporter, 20.0);
        assert_others(&page, &["postgres", "app"], &exporter.stderr());
    }
    drop(exporter);
    assert_quiet(&cluster);
}

/// Each time it runs the server is away for a moment, and all its clients with it: so it runs more and more seldom.
#[test]
fn a_statement_that_crashes_the_server_does_so_more_and_more_seldom() {
    let cluster = Cluster::start(newest_major());
    cluster.psql(
        "create function public.crash() returns int language plpgsql as $$ begin \
         execute 'copy (select 1) to program ''kill -9 $PPID'''; perform pg_sleep(5); return 1; end $$",
    );
    let layer = Layer::new(&format!(
        "{}ends: {{ query: SELECT public.crash() AS value, timeout: 9, priority: 100, {VALUE} }}\n",
        others()
    ));
    let exporter = builder(&cluster.url("postgres"))
        .args([
            layer.flag(),
            "--no-builtin".into(),
            "--auto-discovery=false".into(),
        ])
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    let crashes = || cluster.log().matches("terminated by signal 9").count();
    wait_until("it has crashed the server twice", SOON, || {
        page_within(&exporter, 20.0);
        crashes() == 2
    });
    // From then on it waits: 1.5 s, 3 s, 6 s.
    wait_for_state(&exporter, State::Primary, SOON);
    let mut whole = 0;
    for _ in 0..40 {
        let (page, _) = page_within(&exporter, 20.0);
        if page.value("pg_up", &[]) == Some(1.0) {
            assert_others(&page, &["postgres"], &exporter.stderr());
            whole += 1;
        }
        sleep(Duration::from_millis(100));
    }
    assert!(whole >= 10, "{whole} of 40: {}", exporter.stderr());
    assert!(crashes() <= 4, "{}", crashes());
}
