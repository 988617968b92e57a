//! A function in place of which a service raises an error, whoever calls it, costs what it tells, as one that is denied.

use pg_exporter_lab::{Cluster, Exporter, Page, majors_among, wait_until};

use super::url;
use crate::layer::Layer;
use crate::support::{PATIENCE, failures, thorough, value};

/// What Aurora's writer raises an error for, unless its WAL is logical, and what its readers do.
const OF_AURORA: [(&str, &str); 7] = [
    ("pg_current_wal_lsn()", "55000"),
    ("pg_current_wal_flush_lsn()", "55000"),
    ("pg_current_wal_insert_lsn()", "55000"),
    ("pg_last_wal_receive_lsn()", "0A000"),
    ("pg_last_wal_replay_lsn()", "0A000"),
    ("pg_last_xact_replay_timestamp()", "0A000"),
    ("pg_is_wal_replay_paused()", "0A000"),
];
const RECEIVER: (&str, &str) = ("pg_stat_get_wal_receiver()", "0A000");

fn server(major: u32, wal_level: &str) -> Cluster {
    let cluster = Cluster::builder(major)
        .set("allow_system_table_mods", "on")
        .set("wal_level", wal_level)
        .start();
    cluster.psql(
        "create role watcher login in role pg_monitor; select pg_create_physical_replication_slot('spare', true)",
    );
    cluster
}

/// Puts a function of the same signature in its place, that raises such an error.
fn refuse(server: &Cluster, function: &str, code: &str) {
    let (name, _) = function.split_once('(').unwrap();
    server.psql(&format!(
        "do $do$ declare made text; begin
            select format('create function pg_catalog.{name}(%s) returns %s language plpgsql as $$ begin
                           raise ''Function {name} is currently not supported here'' using errcode = ''{code}''; end $$',
                          pg_get_function_arguments(oid), pg_get_function_result(oid))
            into made from pg_proc where oid = 'pg_catalog.{function}'::regprocedure;
            alter function pg_catalog.{function} rename to {name}_of_postgres;
            execute made;
         end $do$"
    ));
}

fn allow(server: &Cluster, function: &str) {
    let (name, arguments) = function.split_once('(').unwrap();
    server.psql(&format!(
        "drop function pg_catalog.{function};
         alter function pg_catalog.{name}_of_postgres({arguments} rename to {name}"
    ));
}

fn assert_unknown(page: &Page, names: &[&str], place: &str) {
    for name in names {
        let found: Vec<f64> = page.all(name).map(|sample| sample.value).collect();
        assert!(
            !found.is_empty() && found.iter().all(|value| value.is_nan()),
            "{place}: {name} is {found:?}"
        );
    }
}

fn assert_known(page: &Page, names: &[&str], place: &str) {
    for name in names {
        let found: Vec<f64> = page.all(name).map(|sample| sample.value).collect();
        assert!(
            !found.is_empty() && !found.iter().any(|value| value.is_nan()),
            "{place}: {name} is {found:?}"
        );
    }
}

/// The health paths say which of the two it is.
fn assert_role(exporter: &Exporter, path: &str, other: &str, place: &str) {
    wait_until(&format!("{path} of {place}"), PATIENCE, || {
        exporter.get(path).status == 200 && exporter.get(other).status == 404
    });
}

#[test]
fn a_server_without_positions_is_served_whatever_it_calls_itself() {
    for major in majors_among(&[10, 15, 18]) {
        for (has_sign, has_receiver) in [(false, true), (false, false), (true, true)] {
            let primary = server(major, "replica");
            let standby = primary.standby();
            let place = format!("PostgreSQL {major}, sign {has_sign}, receiver {has_receiver}");
            primary.wait_for(
                "select count(*) from pg_stat_replication where state = 'streaming'",
                "1",
            );
            for (function, code) in OF_AURORA {
                refuse(&primary, function, code);
            }
            if !has_receiver {
                refuse(&primary, RECEIVER.0, RECEIVER.1);
            }
            if has_sign {
                primary.psql(
                    "create function pg_catalog.aurora_version() returns text language sql as $$ select '15.4.1' $$",
                );
            }
            primary.psql("create table last ()");
            standby.wait_for("select count(*) from pg_class where relname = 'last'", "1");
            writer(&primary, &place);
            reader(&standby, has_receiver, &place);
        }
    }
}

/// An exporter, and a page of it on which nothing failed.
fn whole(server: &Cluster, place: &str) -> (Exporter, Page) {
    let exporter = thorough(&url(server), &Layer::patient(&[]));
    let page = exporter.scrape();
    assert_eq!(value(&page, "pg_up", &[]), 1.0, "{place}: {}", exporter.stderr());
    assert_eq!(failures(&page), [""; 0], "{place}: {}", exporter.stderr());
    (exporter, page)
}

fn writer(server: &Cluster, place: &str) {
    let place = &format!("writer of {place}");
    let (exporter, page) = whole(server, place);
    let known = [
        "pg_uptime",
        "pg_timeline_id",
        "pg_repl_state",
        "pg_repl_sent_lsn",
        "pg_slot_restart_lsn",
        "pg_slot_active",
    ];
    assert_known(&page, &known, place);
    let unknown = [
        "pg_lsn",
        "pg_insert_lsn",
        "pg_flush_lsn",
        "pg_repl_lsn",
        "pg_repl_replay_diff",
        "pg_slot_retained_bytes",
    ];
    assert_unknown(&page, &unknown, place);
    assert_eq!(value(&page, "pg_is_in_recovery", &[]), 0.0, "{place}");
    assert_eq!(value(&page, "pg_lag", &[]), 0.0, "{place}");
    assert_role(&exporter, "/primary", "/replica", place);
}

fn reader(server: &Cluster, has_receiver: bool, place: &str) {
    let place = &format!("reader of {place}");
    let (exporter, page) = whole(server, place);
    assert_known(&page, &["pg_uptime", "pg_timeline_id", "pg_reload_time"], place);
    let unknown = [
        "pg_lsn",
        "pg_receive_lsn",
        "pg_replay_lsn",
        "pg_last_replay_time",
        "pg_lag",
        "pg_is_wal_replay_paused",
    ];
    assert_unknown(&page, &unknown, place);
    assert_eq!(value(&page, "pg_is_in_recovery", &[]), 1.0, "{place}");
    if has_receiver {
        assert_known(
            &page,
            &["pg_replication_lag_message_age_seconds", "pg_recv_state"],
            place,
        );
        assert_unknown(
            &page,
            &["pg_replication_lag_bytes", "pg_replication_lag_seconds"],
            place,
        );
    } else {
        for name in [
            "pg_recv_state",
            "pg_wal_receiver_running",
            "pg_replication_lag_bytes",
        ] {
            assert_eq!(page.value(name, &[]), None, "{place}: {name}");
        }
    }
    assert_role(&exporter, "/replica", "/primary", place);
    // Each is called once to find out, not at each scrape.
    let refused = || server.log().matches("is currently not supported here").count();
    let counted = |page: &Page| page.value("pg_exporter_query_denied_functions", &[("query", "pg_repl")]);
    assert_eq!(counted(&page), Some(1.0), "{place}");
    // The health probe asks, too: it has done so by now.
    let before = refused();
    for _ in 0..3 {
        assert_eq!(failures(&exporter.scrape()), [""; 0], "{place}");
    }
    assert!(
        refused() <= before + 5,
        "{place}: {} errors more in the log",
        refused() - before
    );
}

/// Functions with arguments, of each form of result: each is refused by itself, and what is denied to the role beside it.
#[test]
fn a_function_that_raises_costs_what_it_tells() {
    for major in majors_among(&[10, 15, 18]) {
        let server = server(major, "logical");
        server.psql("select pg_create_logical_replication_slot('decoded', 'test_decoding')");
        let layer = Layer::patient(&[]);
        let mut exporter = thorough(&url(&server), &layer);
        let wal = [("datname", "wal")];
        let database = [("datname", "postgres")];
        let decoded = [("slot_name", "decoded")];
        let told = |page: &Page| {
            [
                value(page, "pg_size_bytes", &database),
                value(page, "pg_setting_shared_buffers", &[]),
                value(page, "pg_lsn", &[]),
                value(page, "pg_flush_lsn", &[]),
                value(page, "pg_reload_time", &[]),
                match page
                    .all("pg_meta_info")
                    .next()
                    .and_then(|info| info.label("cluster_id"))
                {
                    Some("") | None => f64::NAN,
                    Some(_) => 1.0,
                },
            ]
            .map(|value| !value.is_nan())
        };
        let rest = |exporter: &Exporter, page: &Page| {
            assert_eq!(value(page, "pg_up", &[]), 1.0, "{major}: {}", exporter.stderr());
            assert_eq!(failures(page), [""; 0], "{major}: {}", exporter.stderr());
            assert!(value(page, "pg_size_bytes", &wal) > 0.0, "{major}");
            assert!(value(page, "pg_setting_max_connections", &[]) > 0.0, "{major}");
            assert!(value(page, "pg_uptime", &[]) > 0.0, "{major}");
            assert!(value(page, "pg_slot_restart_lsn", &decoded) > 0.0, "{major}");
        };
        let page = exporter.scrape();
        assert_eq!(told(&page), [true; 6], "{major}: {}", exporter.stderr());
        let refused = [
            ("pg_database_size(oid)", "55000"),
            ("pg_size_bytes(text)", "0A000"),
            ("pg_current_wal_lsn()", "55000"),
            ("pg_current_wal_flush_lsn()", "0A000"),
            ("pg_control_system()", "55000"),
        ];
        server.psql("revoke execute on function pg_conf_load_time() from public");
        for (function, code) in refused {
            refuse(&server, function, code);
        }
        // What is prepared goes on to call what has another name by now.
        exporter = thorough(&url(&server), &layer);
        let page = exporter.scrape();
        rest(&exporter, &page);
        assert_eq!(told(&page), [false; 6], "{major}");
        let shown = exporter.get("/collector/pg").text();
        for told in [
            "the role may not execute pg_conf_load_time",
            "the server does not support pg_current_wal_flush_lsn, pg_current_wal_lsn here",
        ] {
            assert!(shown.contains(told), "{told}: {shown}");
        }
        // What is mended is back, and what is denied is known still.
        allow(&server, "pg_current_wal_flush_lsn()");
        assert_eq!(exporter.get("/reload").status, 200);
        let page = exporter.scrape();
        rest(&exporter, &page);
        assert_eq!(told(&page), [false, false, false, true, false, false], "{major}");
        for (function, _) in refused.iter().filter(|(function, _)| !function.contains("flush")) {
            allow(&server, function);
        }
        server.psql("grant execute on function pg_conf_load_time() to public");
        assert_eq!(exporter.get("/reload").status, 200);
        let page = exporter.scrape();
        rest(&exporter, &page);
        assert_eq!(told(&page), [true; 6], "{major}");
    }
}

/// What fails for another reason is not taken for a function that is refused, and a fatal one is no reason to be down.
#[test]
fn a_statement_that_is_not_supported_costs_itself() {
    let yaml = "
refused:
  query: \"SELECT pg_catalog.pg_is_wal_replay_paused() AS paused, pg_catalog.date_part('epoch', pg_catalog.pg_conf_load_time()) AS loaded\"
  optional: [pg_conf_load_time]
  fatal: true
  timeout: 30
  metrics: [ paused: { usage: GAUGE, description: Whether. }, loaded: { usage: GAUGE, description: When. } ]
cut:
  query: \"SELECT n, CASE WHEN n > 1 THEN pg_catalog.pg_is_wal_replay_paused() ELSE pg_catalog.pg_conf_load_time() IS NULL END AS late
          FROM pg_catalog.generate_series(1, 2) AS n\"
  optional: [pg_conf_load_time]
  partial: true
  timeout: 30
  metrics: [ n: { usage: LABEL, description: Which. }, late: { usage: GAUGE, description: Whether. } ]
";
    for major in majors_among(&[10, 18]) {
        let server = server(major, "replica");
        let exporter = thorough(&url(&server), &Layer::new(yaml));
        let page = exporter.scrape();
        assert_eq!(value(&page, "pg_up", &[]), 1.0, "{}", exporter.stderr());
        assert_eq!(failures(&page), ["postgres cut other", "postgres refused other"]);
        let late: Vec<_> = page.all("cut_late").map(|sample| sample.label("n")).collect();
        assert_eq!(late, [Some("1")], "{}", exporter.stderr());
        assert_eq!(page.value("refused_loaded", &[]), None);
        let counted = page.value("pg_exporter_query_denied_functions", &[("query", "refused")]);
        assert_eq!(counted, None, "{}", exporter.stderr());
    }
}
