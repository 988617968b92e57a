//! PostgreSQL behind a pooler of transactions: nothing that outlives a transaction is set or prepared there.

use std::collections::BTreeSet;

use pg_exporter_lab::{Cluster, Pgbouncer, majors, newest_major, wait_until};

use crate::support::{Layer, SOON, State, builder, page_within, wait_for, wait_for_page, wait_for_state};

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

/// What a site may write, by each mode in which pgbouncer hands out its connections.
const OF_A_SITE: &str = "\
mine: { query: SELECT answer FROM answers, tags: [cluster], metrics: [ { answer: { usage: GAUGE, description: Mine. } } ] }
pathed: { query: SELECT answer FROM others, search_path: [shop], settings: { work_mem: 77MB }, tags: [cluster],
  metrics: [ { answer: { usage: GAUGE, description: Pathed. } } ] }
limited: { query: \"SELECT pg_catalog.length(pg_catalog.current_setting('statement_timeout')) AS length,
  pg_catalog.current_setting('transaction_read_only') AS read_only\", tags: [cluster], timeout: 1.25,
  metrics: [ { length: { usage: GAUGE, description: Text. } }, { read_only: { usage: LABEL, description: Whether. } } ] }
broken: { query: SELECT nonsense FROM answers, tags: [cluster], metrics: [ { nonsense: { usage: GAUGE, description: None. } } ] }
sets: { query: \"SELECT 1 AS one FROM (SELECT pg_catalog.set_config('work_mem', '99MB', false) OFFSET 0) AS s\", tags: [cluster],
  metrics: [ { one: { usage: GAUGE, description: One. } } ] }
escaped: { query: 'SELECT 1 AS one FROM (SELECT U&\"set\\005fconfig\"(''work_mem'', ''98MB'', false) OFFSET 0) AS s', tags: [cluster],
  metrics: [ { one: { usage: GAUGE, description: One. } } ] }
last: { query: SELECT 7 AS seven, tags: [cluster], priority: 2000, metrics: [ { seven: { usage: GAUGE, description: Seven. } } ] }
";

#[test]
fn every_pool_mode_serves_a_site_and_keeps_nothing_of_it() {
    let cluster = Cluster::start(newest_major());
    cluster.psql(
        "create table public.answers as select 42 as answer; create schema shop; \
         create table shop.others as select 43 as answer",
    );
    for mode in ["session", "transaction", "statement"] {
        let pooler = Pgbouncer::start_with(&cluster, &format!("pool_mode = {mode}"));
        let layer = Layer::new(OF_A_SITE);
        let exporter = builder(&pooler.url("postgres"))
            .args(["-T=5s".into(), "--disable-cache".into(), layer.flag()])
            .start();
        wait_for_state(&exporter, State::Primary, SOON);
        wait_for_page(&exporter, 1.0);
        for _ in 0..3 {
            let (page, _) = page_within(&exporter, 20.0);
            let log = exporter.stderr();
            assert_eq!(page.value("pg_up", &[]), Some(1.0), "{mode}: {log}");
            assert_eq!(page.value("mine_answer", &[]), Some(42.0), "{mode}: {log}");
            assert_eq!(page.value("pathed_answer", &[]), Some(43.0), "{mode}: {log}");
            assert_eq!(page.value("last_seven", &[]), Some(7.0), "{mode}: {log}");
            assert_eq!(
                page.value("limited_length", &[("read_only", "on")]),
                Some(6.0),
                "{mode}: {log}"
            );
            assert!(page.all("pg_relkind_count").count() > 0, "{mode}: {log}");
            let failed = |name: &str| {
                let failures = page.all("pg_exporter_query_failures_total");
                let of_it = failures.filter(|sample| sample.label("query") == Some(name));
                of_it.map(|sample| sample.value).sum::<f64>() > 0.0
            };
            assert!(failed("broken") && !failed("last"), "{mode}: {log}");
            // Nothing can be rolled back there, so what would stay is refused.
            for sets in ["sets", "escaped"] {
                assert_eq!(failed(sets), mode == "statement", "{mode} {sets}: {log}");
            }
        }
        let run = builder(&pooler.url("postgres"))
            .args(["-T=5s".into(), layer.flag(), "doctor".into()])
            .run();
        assert_eq!(
            run.stdout.contains("pool_mode=statement"),
            mode == "statement",
            "{mode}: {}",
            run.stdout
        );
        if mode == "session" {
            // Each of ours has a connection of its own there.
            drop(exporter);
        }
        let mut session = pooler.session("postgres");
        for (setting, expected) in [
            ("work_mem", "4MB"),
            ("statement_timeout", "0"),
            ("transaction_read_only", "off"),
        ] {
            assert_eq!(session.exec(&format!("show {setting}")), expected, "{mode}");
        }
        for ours in ["session", "settings"] {
            let kept = session.exec(&format!(
                "select coalesce(current_setting('pg_exporter.{ours}', true), '')"
            ));
            assert_eq!(kept, "", "{mode}: {ours}");
        }
    }
}

/// A statement that is one for us and several for the server, whose strings have backslashes: it ends its transaction and begins
/// another. What the server says of its state gives it away.
#[test]
fn a_statement_that_leaves_its_transaction_costs_itself_and_its_connection() {
    let cluster = Cluster::start(newest_major());
    cluster.psql("alter database postgres set standard_conforming_strings = off");
    let tries = [
        r"'; COMMIT; SET work_mem = '99MB'; BEGIN; SELECT 1 AS one",
        r"'; COMMIT; SELECT 1 AS one",
        r"'; ROLLBACK; BEGIN; SELECT 1 AS one",
        r"'; SELECT 1 AS one; COMMIT",
    ];
    for attack in tries {
        let pooler = Pgbouncer::start(&cluster);
        let query = format!("SELECT 1 AS one WHERE '\\'' <> '{attack} --'");
        let yaml = format!(
            "turns: {{ query: {query:?}, tags: [cluster], priority: 1, metrics: [ {{ one: {{ usage: GAUGE, description: One. }} }} ] }}\n\
             last: {{ query: SELECT 7 AS seven, tags: [cluster], priority: 2000, metrics: [ {{ seven: {{ usage: GAUGE, description: Seven. }} }} ] }}\n"
        );
        let layer = Layer::new(&yaml);
        let exporter = builder(&pooler.url("postgres"))
            .args(["-T=5s".into(), "--disable-cache".into(), layer.flag()])
            .start();
        wait_for_state(&exporter, State::Primary, SOON);
        wait_for(&exporter, "what it did is seen", |page| {
            page.all("pg_exporter_query_failures_total")
                .any(|sample| sample.label("query") == Some("turns") && sample.value > 0.0)
        });
        let (page, _) = page_within(&exporter, 20.0);
        assert_eq!(
            page.value("pg_up", &[]),
            Some(1.0),
            "{attack}: {}",
            exporter.stderr()
        );
        assert_eq!(
            page.value("last_seven", &[]),
            Some(7.0),
            "{attack}: {}",
            exporter.stderr()
        );
        assert_eq!(
            page.all("turns_one").count(),
            0,
            "{attack}: {}",
            exporter.stderr()
        );
        let text = exporter.get("/stat").text();
        assert!(text.contains("transaction"), "{attack}: {text}");
    }
}

/// What looks like one statement and is several for the server: behind the end of a line that is none here, behind letters that are
/// spaces here, behind a string that goes on. With a message for each transaction nothing of it would be undone.
#[test]
fn a_second_statement_cannot_be_hidden() {
    const FINE: &str = "last: { query: SELECT 7 AS seven, tags: [cluster], metrics: [ { seven: { usage: GAUGE, description: Seven. } } ] }\n";
    let cluster = Cluster::start(newest_major());
    let pooler = Pgbouncer::start_with(&cluster, "pool_mode = statement");
    let layer = Layer::new(FINE);
    let exporter = builder(&pooler.url("postgres"))
        .args(["-T=5s".into(), "--disable-cache".into(), layer.flag()])
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    // Between quotes of YAML.
    for attack in [
        r"SELECT 1 AS one --\r; SET work_mem = '99MB'",
        r"SELECT 1 AS a\u00a0$a$; SET work_mem = '99MB'; SELECT 2 AS one\u00a0$a$",
        r"SELECT 1 AS a\u2192$a$; SET work_mem = '99MB'; SELECT 2 AS one\u2192$a$",
        r"SELECT 1 AS one, E'a'\n'\\''; SET work_mem = '99MB'; SELECT 1 AS one --'",
    ] {
        layer.replace(&format!(
            "{FINE}hides: {{ query: \"{attack}\", tags: [cluster], metrics: [ {{ one: {{ usage: GAUGE, description: One. }} }} ] }}\n"
        ));
        let answer = exporter.get("/reload");
        let said = answer.text();
        assert!(
            answer.status == 500 && said.contains("several statements"),
            "{attack}: {said}"
        );
        let (page, _) = page_within(&exporter, 20.0);
        assert_eq!(page.value("last_seven", &[]), Some(7.0), "{}", exporter.stderr());
    }
    assert_eq!(pooler.session("postgres").exec("show work_mem"), "4MB");
}
