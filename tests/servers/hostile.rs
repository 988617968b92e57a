//! Nobody who may create objects in a scraped database runs code by a shipped statement, nor changes what it yields:
//! each is run, and read for what it refers to, amid look-alikes of everything it could have meant.
//!
//! A session of the exporter has a search path of its own. The statements hold without it, too: a pooler may not let it
//! through.

mod exact;

use std::collections::BTreeSet;

use pg_exporter::catalog::compiled::COLLECTORS;
use pg_exporter::schema::{Collector, Tag};
use pg_exporter_lab::{Cluster, Exporter, Session, later_majors, majors};

use crate::layer::Layer;
use crate::scene::sql;
use crate::support::exporter;

const SURROUNDINGS: &str = include_str!("hostile/surroundings.sql");

/// What a look-alike writes when it runs.
const TOLD: &str = "foreign code ran";

macro_rules! majors {
    ($($name:ident: $major:literal,)*) => {
        $(#[test] fn $name() {
            // The lab has said on standard error that a major is not tested; with CI=true it has failed.
            if majors().contains(&$major) {
                statements_mean_pg_catalogs_objects($major);
            }
        })*
    };
}

majors! { postgres_10: 10, postgres_14: 14, postgres_15: 15, postgres_18: 18, }

/// Databases with their look-alikes, and a search path on which those are found.
const PATHS: [(&str, &str); 2] = [("evil", "evil, pg_catalog"), ("public", "\"$user\", public")];

/// A release that is given beside those of the lab.
#[test]
fn later_releases() {
    for major in later_majors() {
        statements_mean_pg_catalogs_objects(major);
    }
}

fn statements_mean_pg_catalogs_objects(major: u32) {
    let primary = Cluster::start(major);
    // Before pg_catalog on the path, as ALTER DATABASE and ALTER ROLE can set it, and behind it, as public is by
    // default: there an exact match of types wins over pg_catalog's inexact one.
    for schema in ["evil", "public"] {
        primary.create_database(schema);
        primary.psql_in(
            schema,
            &format!("create schema extensions; {}", sites_objects(major)),
        );
        primary.psql_in(schema, &surroundings(schema));
    }
    let standby = primary.standby();
    standby.wait_for(
        "select count(*) from pg_database where datname in ('evil', 'public')",
        "2",
    );
    let version: u32 = primary.psql("show server_version_num").parse().unwrap();
    let statements: Vec<_> = COLLECTORS
        .iter()
        .filter(|collector| collector.fits_version(version) && is_at_hand(collector))
        .flat_map(statements)
        .collect();
    assert!(statements.len() > 40, "only {} statements", statements.len());
    for (database, path) in PATHS {
        // One connection for all statements: among 10,000 objects a new one costs more than most of them.
        let mut reader = primary.session(database);
        let mut sessions = [primary.session(database), standby.session(database)];
        for (branch, statement) in &statements {
            let foreign = foreign_references(&mut reader, path, statement);
            assert_eq!(foreign, "", "{major}, path {path}: what {branch} refers to");
            for session in &mut sessions {
                same_rows(session, path, branch, statement);
            }
        }
    }
    for cluster in [&primary, &standby] {
        assert!(!cluster.log().contains(TOLD), "{major}:\n{}", cluster.log());
    }
    sessions_mean_pg_catalogs_objects(&primary, &standby);
    traps_are_set(&primary, &standby);
}

/// Nor does anything that sessions send besides collectors' statements: the facts, the look for locks, the probe, what `doctor`
/// and `check` ask. Of a site's own statements the names are found where the role finds them, and what they set ends with them.
fn sessions_mean_pg_catalogs_objects(primary: &Cluster, standby: &Cluster) {
    let major = primary.major();
    primary.psql("create role monitor login; grant pg_monitor to monitor");
    for (schema, _) in PATHS {
        primary.psql_in(
            schema,
            &format!(
                "create table {schema}.answers as select 42 as answer; grant select on {schema}.answers to public"
            ),
        );
    }
    primary.psql("alter database evil set search_path = evil, pg_catalog");
    primary.psql("alter role monitor in database public set search_path = public, pg_catalog");
    standby.wait_for("select count(*) from pg_db_role_setting", "2");
    for (cluster, database) in [(primary, "evil"), (primary, "public"), (standby, "evil")] {
        let url = cluster.url(database).replace("postgres@", "monitor@");
        sessions_are_safe(cluster, &url, &format!("{major} {database}"));
    }
}

const OF_A_SITE: &str = "\
found: { query: SELECT answer FROM answers, tags: [cluster], priority: 1, metrics: [ { answer: { usage: GAUGE, description: Found. } } ] }
unset: { query: \"SELECT 1 AS one FROM (SELECT pg_catalog.set_config('statement_timeout', '0', false), \
pg_catalog.set_config('search_path', 'evil, public', false), pg_catalog.set_config('role', 'pg_monitor', false), \
pg_catalog.set_config('default_transaction_read_only', 'off', false) OFFSET 0) AS s\", tags: [cluster], priority: 2, \
metrics: [ { one: { usage: GAUGE, description: One. } } ] }
kept: { query: \"SELECT pg_catalog.length(pg_catalog.current_setting('statement_timeout')) AS length, \
current_user::pg_catalog.text AS role, pg_catalog.current_setting('default_transaction_read_only') AS read_only\", \
tags: [cluster], priority: 3, metrics: [ { length: { usage: GAUGE, description: Text. } }, \
{ role: { usage: LABEL, description: Role. } }, { read_only: { usage: LABEL, description: Whether. } } ] }
";

fn sessions_are_safe(cluster: &Cluster, url: &str, what: &str) {
    let layer = Layer::new(OF_A_SITE);
    let exporter = exporter(url)
        .arg("--disable-cache")
        .arg("--config")
        .arg(layer.path())
        .start();
    for _ in 0..3 {
        let page = exporter.scrape();
        let log = exporter.stderr();
        assert_eq!(page.value("pg_up", &[]), Some(1.0), "{what}: {log}");
        assert_eq!(page.value("found_answer", &[]), Some(42.0), "{what}: {log}");
        let kept = page.samples.iter().find(|sample| sample.name == "kept_length");
        let label = |name| kept.and_then(|sample| sample.label(name));
        assert_eq!(
            (label("role"), label("read_only")),
            (Some("monitor"), Some("on")),
            "{what}: {log}"
        );
        assert!(kept.is_some_and(|sample| sample.value > 1.0), "{what}: {kept:?}");
    }
    exporter.get("/replica?lag=1s");
    for arguments in [&["doctor"] as &[&str], &["check", "--url", url]] {
        // Whatever it has to say of such a server.
        let _ = Exporter::builder(env!("CARGO_BIN_EXE_pg_exporter"))
            .url(url)
            .args(arguments.iter().copied())
            .run();
    }
    assert!(!cluster.log().contains(TOLD), "{what}:\n{}", cluster.log());
}

/// The look-alikes run when a statement is not exact.
fn traps_are_set(primary: &Cluster, standby: &Cluster) {
    for statement in [
        "select 1::oid = 2",
        "select count(*)",
        "select current_database()",
        "select 'a'::text",
    ] {
        for cluster in [primary, standby] {
            let before = cluster.log().matches(TOLD).count();
            let _ = cluster.try_psql(
                "evil",
                &format!("set search_path = evil, pg_catalog; {statement}"),
            );
            assert!(cluster.log().matches(TOLD).count() > before, "{statement}");
        }
    }
    let before = primary.log().matches(TOLD).count();
    let _ = primary.try_psql("public", "select 1::oid = 2");
    assert!(primary.log().matches(TOLD).count() > before);
}

fn surroundings(schema: &str) -> String {
    let (mut functions, mut relations) = (BTreeSet::new(), BTreeSet::new());
    for (_, statement) in COLLECTORS.iter().flat_map(statements) {
        for name in statement.split("pg_catalog.").skip(1) {
            let end = name
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(name.len());
            let (name, behind) = name.split_at(end);
            let names = if behind.starts_with('(') {
                &mut functions
            } else {
                &mut relations
            };
            names.insert(name.to_owned());
        }
    }
    let array = |names: BTreeSet<String>| {
        let names: Vec<_> = names.into_iter().filter(|name| !name.is_empty()).collect();
        format!("'{{{}}}'::text[]", names.join(","))
    };
    SURROUNDINGS
        .replace(":SCHEMA", schema)
        .replace(":FUNCTIONS", &array(functions))
        .replace(":RELATIONS", &array(relations))
}

/// Whatever statements read that is not in pg_catalog.
fn sites_objects(major: u32) -> String {
    let postgres = sql::postgres(major)
        .replace("create role app_user login;", "")
        .replace(
            "create extension pg_stat_statements",
            "create extension pg_stat_statements schema extensions",
        );
    format!(
        "{} {postgres}",
        sql::BLOAT_VIEWS.replace("create view ", "create view extensions.")
    )
}

fn is_at_hand(collector: &Collector) -> bool {
    let on_aurora = collector.name == "pg_aurora_replica";
    !on_aurora
        && collector.tags.iter().all(|tag| match tag {
            Tag::Pgbouncer => false,
            Tag::Extension(name) => name == "pg_stat_statements",
            Tag::Schema(name) => name == "monitor",
            _ => true,
        })
}

/// The branch and each of its statements, predicates too.
fn statements(collector: &Collector) -> Vec<(String, String)> {
    let queries = collector.predicates.iter().map(|predicate| &predicate.query);
    let queries = queries.chain([&collector.query]);
    queries
        .map(|query| {
            (
                collector.branch.to_string(),
                query
                    .trim()
                    .replace("@extschema:pg_stat_statements@", "extensions"),
            )
        })
        .collect()
}

/// The objects outside pg_catalog and the site's schemas that the server takes a statement to mean: a view of the
/// statement depends on them, be there rows or not.
fn foreign_references(session: &mut Session, path: &str, statement: &str) -> String {
    session.exec(&format!("set search_path = {path}, extensions"));
    session.exec(&format!("create view extensions.meaning as {statement}"));
    session.exec("set search_path = pg_catalog");
    let foreign = session.exec(
        "select distinct pg_describe_object(d.refclassid, d.refobjid, 0)
         from pg_depend d join pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
         where r.ev_class = 'extensions.meaning'::regclass
           and pg_describe_object(d.refclassid, d.refobjid, 0) ~ ' (evil|public)\\.'",
    );
    session.exec("drop view extensions.meaning");
    foreign
}

/// The statement yields on that path what it yields without it. Both run in one transaction; numbers may go up between. What the
/// server's own processes do may change, too: rows that differ for that alone are the same at another try.
fn same_rows(session: &mut Session, path: &str, branch: &str, statement: &str) {
    const TRIES: usize = 5;
    let mut difference = None;
    for _ in 0..TRIES {
        session.exec("begin");
        let mut rows_on = |path: &str| {
            session.answer_to(&format!(
                "set local search_path = {path}, extensions; {statement}"
            ))
        };
        // A statement for the other role may fail, on either path.
        difference = rows_on("pg_catalog").ok().and_then(|clean| match rows_on(path) {
            Ok(hostile) => {
                Some((shapes(&clean), shapes(&hostile))).filter(|(clean, hostile)| clean != hostile)
            }
            Err(error) => panic!("{branch} fails on path {path}: {error}"),
        });
        session.exec("rollback");
        if difference.is_none() {
            return;
        }
    }
    panic!("{branch} on path {path}, {TRIES} times: {difference:?}");
}

/// Rows without their digits, sorted.
fn shapes(rows: &str) -> Vec<String> {
    let shape = |row: &str| row.replace(|c: char| c.is_ascii_digit() || ".-e".contains(c), "");
    let mut shapes: Vec<_> = rows.lines().map(shape).filter(|row| !row.is_empty()).collect();
    shapes.sort();
    shapes
}
