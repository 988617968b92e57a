//! Tracked statements.

use pg_exporter_lab::Cluster;

use super::{some_majors, watch};
use crate::agree::{Check, agree, columns};
use crate::layer::{Layer, patience};
use crate::support::{assert_healthy, failures, thorough, value};

#[test]
fn statements_are_summed_over_roles_and_without_the_superusers() {
    for major in some_majors(&[10, 13, 17, 18]) {
        let cluster = Cluster::start(major);
        cluster.create_database("shop");
        cluster.psql("create extension pg_stat_statements; create role anna; create role bert");
        let statement = "select count(*) from pg_class, pg_class more where more.relname > 'x';";
        for (role, calls) in [("anna", 6), ("bert", 7), ("postgres", 50)] {
            cluster.psql_in("shop", &format!("set role {role}; {}", statement.repeat(calls)));
        }
        // Called too rarely by each, though not together.
        for role in ["anna", "bert"] {
            cluster.psql_in(
                "shop",
                &format!(
                    "set role {role}; {}",
                    "select 'rare' || oid from pg_database;".repeat(4)
                ),
            );
        }
        let exporter = watch(&cluster, "postgres", &Layer::patient(&[]));
        agree(&exporter, &cluster, "postgres", &checks(major));
        let page = exporter.scrape();
        let shop: Vec<_> = page
            .all("pg_query_calls")
            .filter(|sample| sample.label("datname") == Some("shop"))
            .collect();
        assert_eq!(
            shop.iter().map(|sample| sample.value).collect::<Vec<_>>(),
            [13.0],
            "{shop:?}"
        );
    }
}

/// How many are shown is a setting: of a layer for the one collector, of the role for both.
#[test]
fn how_many_statements_are_shown_is_a_setting() {
    for major in some_majors(&[10, 13, 18]) {
        let cluster = Cluster::start(major);
        cluster.psql("create extension pg_stat_statements; create role anna; create role reader login in role pg_monitor");
        for column in [
            "oid",
            "datname",
            "datdba",
            "encoding",
            "datallowconn",
            "datconnlimit",
        ] {
            let statement = format!("select {column} from pg_database;");
            cluster.psql(&format!("set role anna; {}", statement.repeat(6)));
        }
        let count = |url: &str, of_texts: &str| {
            let patience = patience(&["pg_query_text"]);
            let layer = Layer::new(&patience.replace(
                "pg_query_text: { timeout: 30",
                &format!("pg_query_text: {{ {of_texts}timeout: 30"),
            ));
            let exporter = thorough(url, &layer);
            let page = exporter.scrape();
            assert_healthy(&exporter, &page);
            [
                page.all("pg_query_calls").count(),
                page.all("pg_query_text_info").count(),
            ]
        };
        let url = cluster.url("postgres").replace("postgres@", "reader@");
        let [all, texts] = count(&url, "");
        assert!(all >= 6 && texts >= 6, "{major}: {all}, {texts}");
        let [all, texts] = count(&url, "settings: { pg_exporter.top_statements: 2 }, ");
        assert!(all >= 6 && (2..=4).contains(&texts), "{major}: {all}, {texts}");
        cluster.psql("alter role reader set pg_exporter.top_statements = 1");
        for shown in count(&url, "") {
            assert!((1..=2).contains(&shown), "{major}: {shown}");
        }
    }
}

/// pg_upgrade leaves an extension as old as it was; sites put it into a schema of its own.
#[test]
fn the_extension_may_be_of_any_version_and_in_any_schema() {
    for major in some_majors(&[10, 13, 15, 18]) {
        let cluster = Cluster::start(major);
        cluster.create_database("shop");
        cluster.psql(
            "create schema \"My.ext\"\"ensions $1 it's\"; create role anna login; grant pg_monitor to anna;
             create extension pg_stat_statements schema \"My.ext\"\"ensions $1 it's\" version '1.4'",
        );
        cluster.psql_in(
            "shop",
            &format!("set role anna; {}", "select count(*) from pg_class;".repeat(6)),
        );
        let versions = cluster.psql(
            "select target from pg_extension_update_paths('pg_stat_statements')
             where source = '1.4' and path is not null and split_part(target, '.', 2)::int > 4
             order by split_part(target, '.', 2)::int",
        );
        let exporter = watch(&cluster, "postgres", &Layer::patient(&["pg_query_text"]));
        let mut seen = 0;
        for version in ["1.4"].into_iter().chain(versions.lines()) {
            let update = format!("alter extension pg_stat_statements update to '{version}'");
            if version != "1.4" && cluster.try_psql("postgres", &update).is_err() {
                // There may be scripts of versions that are newer than the library.
                break;
            }
            seen += 1;
            let page = exporter.scrape();
            assert_healthy(&exporter, &page);
            let shop = [("datname", "shop")];
            assert_eq!(
                value(&page, "pg_query_calls", &shop),
                6.0,
                "PostgreSQL {major}, {version}"
            );
            let time = ["exec_time", "max_exec_time", "mean_exec_time"]
                .map(|name| value(&page, &format!("pg_query_{name}"), &shop));
            assert!(
                time.iter().all(|time| (1e-9..10.0).contains(time)),
                "PostgreSQL {major}, {version}: {time:?}"
            );
            let text = page
                .all("pg_query_text_info")
                .find(|sample| sample.label("datname") == Some("shop"));
            assert_eq!(text.unwrap().label("text"), Some("select count(*) from pg_class"));
        }
        assert!(seen >= 3, "PostgreSQL {major}: {versions}");
    }
}

/// A report that runs seldom and for long is one to see.
#[test]
fn statements_that_took_long_are_shown_beside_those_that_are_called_often() {
    let cluster = Cluster::start(some_majors(&[10, 18]).remove(0));
    cluster.psql("create extension pg_stat_statements; create role anna");
    // Each another statement, called more often than the slow one.
    let often: String = (1..=140)
        .map(|n| format!("select {};", vec!["1"; n].join(", ")).repeat(7))
        .collect();
    let slow = "select pg_sleep(0.05), 'a report' as name;".repeat(5);
    cluster.psql(&format!("set role anna; {often} {slow}"));
    let page = watch(&cluster, "postgres", &Layer::patient(&["pg_query_text"])).scrape();
    let report = page
        .all("pg_query_text_info")
        .find(|sample| sample.label("text").unwrap().contains("pg_sleep"));
    let query = report.unwrap().label("query").unwrap();
    let report = [("query", query)];
    assert_eq!(value(&page, "pg_query_calls", &report), 5.0);
    assert!(value(&page, "pg_query_mean_exec_time", &report) >= 0.05);
    assert!(
        value(&page, "pg_query_max_exec_time", &report) >= value(&page, "pg_query_mean_exec_time", &report)
    );
    assert!(page.all("pg_query_calls").count() <= 256);
    assert_eq!(
        page.all("pg_query_text_info").count(),
        page.all("pg_query_calls").count()
    );
}

/// A text that the URL's database cannot hold ends the function that reads the texts: they are lost, and nothing beside them.
#[test]
fn a_text_of_another_encoding_costs_the_texts_alone() {
    for major in some_majors(&[10, 18]) {
        let cluster = Cluster::start(major);
        cluster.psql("create role anna");
        for (name, encoding) in [("bytes", "SQL_ASCII"), ("characters", "UTF8")] {
            cluster.psql(&format!(
                "create database {name} encoding '{encoding}' template template0 lc_collate 'C' lc_ctype 'C'"
            ));
        }
        cluster.psql_in("characters", "create extension pg_stat_statements");
        cluster.psql_in(
            "bytes",
            "set pg_stat_statements.track = 'all'; set role anna;
             do $$ begin for i in 1..6 loop execute 'select 1, 2, 3 as \"caf' || chr(233) || '\"'; end loop; end $$",
        );
        let exporter = watch(&cluster, "characters", &Layer::patient(&["pg_query_text"]));
        let page = exporter.scrape();
        assert_eq!(value(&page, "pg_up", &[]), 1.0);
        assert_eq!(
            failures(&page),
            ["characters pg_query_text cast"],
            "{}",
            exporter.stderr()
        );
        assert_eq!(value(&page, "pg_query_calls", &[("datname", "bytes")]), 6.0);
        assert_eq!(page.all("pg_query_text_info").count(), 0);
    }
}

fn checks(major: u32) -> Vec<Check> {
    let from = "pg_stat_statements s join pg_database d on d.oid = s.dbid
                where s.userid <> 10 and s.calls > 4 and d.datname = 'shop' group by 1, 2";
    let (infix, io) = match major {
        ..13 => ("", "blk_read_time + blk_write_time"),
        13..17 => ("exec_", "blk_read_time + blk_write_time"),
        _ => ("exec_", "shared_blk_read_time + shared_blk_write_time"),
    };
    let time = &*format!("total_{infix}time");
    let mean = format!("sum({time}) / sum(calls)");
    let squares = format!("calls * (stddev_{infix}time ^ 2 + mean_{infix}time ^ 2)");
    let deviation = format!("sqrt(greatest(sum({squares}) / sum(calls) - ({mean}) ^ 2, 0)) / 1000");
    let sum = |expression: &str| format!("sum({expression})");
    let mut pairs = vec![
        ("calls", sum("calls")),
        ("rows", sum("rows")),
        ("exec_time", sum(time) + " / 1000"),
        ("io_time", sum(io) + " / 1000"),
        ("sblk_hit", sum("shared_blks_hit")),
        ("sblk_read", sum("shared_blks_read")),
        ("sblk_dirtied", sum("shared_blks_dirtied")),
        ("sblk_written", sum("shared_blks_written")),
        ("max_exec_time", format!("max(max_{infix}time) / 1000")),
        ("mean_exec_time", format!("{mean} / 1000")),
        ("stddev_exec_time", deviation),
    ];
    if major >= 13 {
        pairs.push(("wal_bytes", sum("wal_bytes")));
    }
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, expression)| (*name, expression.as_str()))
        .collect();
    let checks = columns("pg_query", "d.datname, s.queryid", from, &pairs);
    checks
        .into_iter()
        .map(|check| check.only("datname", "shop"))
        .collect()
}

/// 20,000 statements of 2,000 characters, executed five times each by a role that is no superuser: the nth reads the columns
/// that are the bits of n.
const MANY: &str = "
    create role caller;
    do $$
    begin
        execute 'create table wide (' || (select string_agg(format('c%s int', n), ', ') from generate_series(0, 14) n) || ')';
        grant select on wide to caller;
        set local role caller;
        for n in 1..20000 loop
            for round in 1..5 loop
                execute format('select %s /* %s */ from wide',
                    (select string_agg('c' || bit, ', ') from generate_series(0, 14) bit where n >> bit & 1 = 1), repeat('x', 2000));
            end loop;
        end loop;
    end $$;";

/// What is read of the extension goes through the server's memory, and none of it through files; what the server is set to is shown
/// all the same.
#[test]
fn many_long_statements_need_no_temporary_files() {
    for major in some_majors(&[13, 18]) {
        let cluster = Cluster::builder(major)
            .set("pg_stat_statements.max", "20000")
            .set("pg_stat_statements.track", "all")
            .set("work_mem", "3MB")
            .start();
        cluster.psql("create extension pg_stat_statements");
        cluster.psql(MANY);
        let tracked: u32 = cluster
            .psql(
                "set work_mem = '64MB'; select count(*) from pg_stat_statements(false) where calls > 4 and userid <> 10",
            )
            .parse()
            .unwrap();
        assert!(tracked > 18_000, "{tracked}");
        let exporter = watch(&cluster, "postgres", &Layer::patient(&[]));
        for _ in 0..3 {
            let page = exporter.scrape();
            assert_healthy(&exporter, &page);
            let shown = page.all("pg_query_calls").count();
            assert!((128..=256).contains(&shown), "{shown}");
            assert_eq!(value(&page, "pg_setting_work_mem", &[]), f64::from(3 << 20));
        }
        drop(exporter);
        // What a session has counted is there at its end at the latest.
        cluster.wait_for(
            "select count(*) from pg_stat_activity where application_name like 'pg_exporter%'",
            "0",
        );
        let written = cluster.psql("select temp_files from pg_stat_database where datname = 'postgres'");
        assert_eq!(written, "0", "PostgreSQL {major}");
        // The proof that it would be seen.
        cluster.psql("select count(*) from pg_stat_statements(false)");
        cluster.wait_for(
            "select temp_files > 0 from pg_stat_database where datname = 'postgres'",
            "t",
        );
    }
}
