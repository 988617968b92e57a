//! What whoever owns a database sets for all sessions in it (`ALTER DATABASE … SET`) turns none of ours: as whom it runs statements, what
//! they say, and when it ends is for an administrator to decide.

mod pages;

pub(crate) use pages::GROUPS;

use std::time::Instant;

use pg_exporter_lab::page::Sample;
use pg_exporter_lab::{Cluster, Exporter, Page, Pgbouncer, majors, newest_major};

use crate::support::{Layer, SOON, State, builder, page_within, wait_for_state};

/// What a session is like, as text; the last of all, so that a page with it is whole.
const WITNESS: &str = "\
witness: { query: \"SELECT current_user AS role, (SELECT count(*) FROM pg_catalog.pg_stat_activity \
WHERE query = '<insufficient privilege>') AS hidden, 1234567.891::pg_catalog.float8 AS float, \
(SELECT count(*) FROM public.ledger) AS rows, pg_catalog.concat('26 hours'::pg_catalog.interval, ' ', \
'a'::pg_catalog.bytea, ' ', pg_catalog.quote_ident('a'), ' ', '{NULL}'::pg_catalog.text[], ' ', \
1234567.891::pg_catalog.float8) AS text\", \
search_path: [pg_catalog], tags: [cluster], priority: 2000, metrics: [ { role: { usage: LABEL, description: Role. } }, \
{ text: { usage: LABEL, description: Values as text. } }, { hidden: { usage: GAUGE, description: Statements that are hidden. } }, \
{ float: { usage: GAUGE, description: A number. } }, { rows: { usage: GAUGE, description: Rows of a view. } } ] }
";

/// As whom statements are to run. A superuser may become anybody.
pub(crate) const AS_WHOM: [&str; 2] = ["role = pg_read_all_settings", "session_authorization = mallory"];

/// A database whose owner is nobody else, and a role for the exporter, which sees all that there is to see.
fn shop(cluster: &Cluster) {
    cluster.psql(
        "create role mallory login; create role mon login; grant pg_monitor to mon; create database shop owner mallory",
    );
    cluster.psql_in(
        "shop",
        "create extension pg_stat_statements; create view public.ledger as select 1; grant select on public.ledger to public;
         create table public.\"a.b\" (n int primary key); insert into public.\"a.b\" values (1);
         create function public.\"f.g\"() returns int language plpgsql as 'begin return 1; end'; select public.\"f.g\"()",
    );
}

fn start(major: u32) -> Cluster {
    let cluster = Cluster::builder(major)
        .set("shared_preload_libraries", "pg_stat_statements")
        .set("track_functions", "pl")
        .start();
    shop(&cluster);
    cluster
}

/// As its owner, who is no superuser; over a session in another database.
fn set(cluster: &Cluster, setting: &str) {
    cluster.psql(&format!(
        "set session authorization mallory; alter database shop set {setting}"
    ));
}

fn reset(cluster: &Cluster) {
    cluster.psql(
        "set role none; alter database shop reset all; alter role mon reset all; alter role all reset all",
    );
    cluster.psql("alter role mon in database shop reset all");
}

fn url(cluster: &Cluster, user: &str) -> String {
    cluster.url("shop").replace("postgres@", &format!("{user}@"))
}

/// One that is somebody on the server, whoever connects to it.
fn pooler(cluster: &Cluster, lines: &str, user: &str) -> Pgbouncer {
    let database = format!(
        "[databases]\nshop = host=127.0.0.1 port={} user={user}",
        cluster.port()
    );
    Pgbouncer::start_with(cluster, &format!("{lines}\n{database}"))
}

fn exporter(url: &str, layer: &Layer) -> Exporter {
    let exporter = builder(url)
        .args(["-T=10s".into(), "--disable-cache".into(), layer.flag()])
        .args(["--auto-discovery=false", "--connect-timeout=5s"])
        .start();
    wait_for_state(&exporter, State::Primary, SOON);
    exporter
}

/// A whole page: on a busy machine a statement may be late on a page or two.
#[track_caller]
fn whole_page(exporter: &Exporter, what: &str) -> Page {
    const LAST: [&str; 4] = ["witness_rows", "pg_meta_info", "pg_query_calls", "pg_func_calls"];
    let begun = Instant::now();
    loop {
        let (page, _) = page_within(exporter, 20.0);
        let missing: Vec<_> = LAST.iter().filter(|name| page.all(name).count() == 0).collect();
        let up = page.value("pg_up", &[]);
        if up == Some(1.0) && missing.is_empty() {
            return page;
        }
        assert!(
            begun.elapsed() < SOON,
            "{what}: pg_up {up:?}, {missing:?} not there\n{}\n{}",
            exporter.get("/stat").text(),
            exporter.stderr()
        );
    }
}

fn witness(page: &Page) -> &Sample {
    page.all("witness_hidden").next().unwrap()
}

#[test]
fn nobody_else_decides_as_whom_statements_run() {
    for major in [majors()[0], newest_major()] {
        let cluster = start(major);
        let layer = Layer::new(WITNESS);
        // Somebody whose statement is to be seen.
        let mut somebody = cluster.session("postgres");
        somebody.exec("select 'seen'");
        AS_WHOM.iter().for_each(|setting| set(&cluster, setting));
        for user in ["mon", "postgres"] {
            let mut ways = vec![("directly".to_owned(), url(&cluster, user), None)];
            for lines in [
                "pool_mode = transaction",
                "pool_mode = session",
                "pool_mode = statement",
                "ignore_startup_parameters = extra_float_digits,options",
            ] {
                let pooler = pooler(&cluster, lines, user);
                ways.push((lines.to_owned(), pooler.url("shop"), Some(pooler)));
            }
            for (way, url, _pooler) in &ways {
                let what = format!("{major}, {user}, {way}");
                let exporter = exporter(url, &layer);
                let page = whole_page(&exporter, &what);
                let sample = witness(&page);
                assert_eq!((sample.label("role"), sample.value), (Some(user), 0.0), "{what}");
                let log = exporter.stderr();
                let told = log.matches("sets a role for all its sessions").count();
                assert_eq!(told, 1, "{what}: {log}");
            }
        }
        doctor_names_it(&url(&cluster, "mon"));
    }
}

fn doctor_names_it(url: &str) {
    let run = builder(url).args(["doctor", "--auto-discovery=false"]).run();
    assert!(
        run.stdout
            .contains("database shop sets a role for all its sessions"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("ALTER DATABASE shop RESET role;"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("Role: mon\n"), "{}", run.stdout);
}

/// What is meant for the exporter holds, whatever the owner of a database says.
#[test]
fn an_administrator_decides_as_whom_statements_run() {
    let layer = Layer::new(WITNESS);
    for major in [majors()[0], newest_major()] {
        let cluster = start(major);
        cluster.psql("create role nobody; grant nobody to mon");
        let by_options = format!("{}?options=-crole%3Dpg_monitor", url(&cluster, "mon"));
        let plain = url(&cluster, "mon");
        for (wish, url, role) in [
            ("alter role mon set role = pg_monitor", &plain, "pg_monitor"),
            (
                "alter role mon in database shop set role = pg_monitor",
                &plain,
                "pg_monitor",
            ),
            ("alter role all set role = pg_monitor", &plain, "pg_monitor"),
            ("select 1", &by_options, "pg_monitor"),
            ("alter role mon set role = nobody", &by_options, "pg_monitor"),
            // What the role may not be is ignored, as at the login of anybody else.
            ("alter role mon set role = mallory", &plain, "mon"),
        ] {
            for owners in [None, Some("role = nobody"), Some("role = none")] {
                owners.into_iter().for_each(|owners| set(&cluster, owners));
                cluster.psql(wish);
                let what = format!("{major}, {wish}, {owners:?}");
                let exporter = exporter(url, &layer);
                let page = whole_page(&exporter, &what);
                assert_eq!(witness(&page).label("role"), Some(role), "{what}");
                reset(&cluster);
            }
        }
    }
}

/// Who may not see what is set for databases and roles is who he is.
#[test]
fn without_the_right_to_see_settings_the_role_stays() {
    let cluster = start(newest_major());
    cluster.psql_in(
        "shop",
        "revoke select on pg_catalog.pg_db_role_setting from public",
    );
    set(&cluster, "role = pg_read_all_settings");
    let pooler = pooler(&cluster, "pool_mode = transaction", "mon");
    // Nor does a statement that is found by the role's path fail.
    let layer = Layer::new(&WITNESS.replace("search_path: [pg_catalog], ", ""));
    for url in [url(&cluster, "mon"), pooler.url("shop")] {
        let exporter = exporter(&url, &layer);
        let page = whole_page(&exporter, "settings are not to be seen");
        assert_eq!(witness(&page).label("role"), Some("mon"), "{url}");
    }
}
