//! What is installed depends on the server, the database, the role and the exporter's tags.

use pg_exporter_lab::{Cluster, Pgbouncer, majors, newest_major};

use super::{Own, database, databases};
use crate::layer::Layer;
use crate::support::{exporter, value};

fn collector(name: &str, tags: &str) -> String {
    format!(
        "{name}: {{ query: SELECT 1 AS one, tags: [{tags}], ttl: 3600, metrics: [ {{ one: {{ usage: GAUGE, description: One. }} }} ] }}\n"
    )
}

fn installed(own: &Own) -> Vec<String> {
    let page = own.scrape();
    let names = page
        .samples
        .iter()
        .filter_map(|sample| sample.name.strip_suffix("_one"));
    names.map(str::to_owned).collect()
}

#[test]
fn tags_select_collectors() {
    let cluster = database("tags");
    let yaml: String = [
        ("everywhere", ""),
        ("mine", "dbname:tags"),
        ("other", "dbname:postgres"),
        ("me", "username:postgres"),
        ("you", "username:nobody"),
        ("asked", "special"),
        ("unasked", "ordinary"),
        ("without", "'not:special'"),
        ("main", "primary"),
        ("copy", "replica"),
        ("bouncer", "pgbouncer"),
    ]
    .iter()
    .map(|(name, tags)| {
        if *name == "bouncer" {
            collector(name, tags).replace("SELECT 1 AS one", "SHOW LISTS")
        } else {
            collector(name, tags)
        }
    })
    .collect();
    let own = Own::start(cluster, "tags", &yaml);
    let mut without = installed(&own);
    without.sort();
    assert_eq!(without, ["everywhere", "main", "me", "mine", "without"]);
    let own = Own::with(
        cluster,
        "tags",
        &yaml,
        &["--auto-discovery=false", "--tag=special,more"],
    );
    let mut with = installed(&own);
    with.sort();
    assert_eq!(with, ["asked", "everywhere", "main", "me", "mine"]);
}

#[test]
fn extensions_and_schemas_are_noticed_when_they_come_and_go() {
    for major in [majors()[0], newest_major()] {
        let cluster = Cluster::start(major);
        let yaml =
            collector("ext", "'extension:pg_stat_statements'") + &collector("sch", "'schema:Monitor It'");
        let own = Own::start(&cluster, "postgres", &yaml);
        assert!(installed(&own).is_empty());
        cluster.psql("create extension pg_stat_statements");
        assert_eq!(installed(&own), ["ext"]);
        cluster.psql("create schema \"Monitor It\"");
        assert_eq!(installed(&own), ["ext", "sch"]);
        cluster.psql("drop extension pg_stat_statements");
        assert_eq!(installed(&own), ["sch"]);
        cluster.psql("drop schema \"Monitor It\"");
        assert!(installed(&own).is_empty());
    }
}

/// Versions are compared by their numbers: 1.10 is later than 1.9.
#[test]
fn the_version_of_an_extension_decides() {
    for (major, first, second) in [(majors()[0], "1.4", "1.5"), (newest_major(), "1.9", "1.10")] {
        let cluster = Cluster::start(major);
        let from = |version: &str| format!("'extension:pg_stat_statements>={version}'");
        let yaml = collector("any", "'extension:pg_stat_statements'")
            + &collector("first", &from(first))
            + &collector("later", &from("2"))
            + &collector("second", &from(second));
        let own = Own::start(&cluster, "postgres", &yaml);
        assert!(installed(&own).is_empty());
        cluster.psql(&format!("create extension pg_stat_statements version '{first}'"));
        assert_eq!(installed(&own), ["any", "first"], "PostgreSQL {major}");
        cluster.psql(&format!(
            "alter extension pg_stat_statements update to '{second}'"
        ));
        assert_eq!(installed(&own), ["any", "first", "second"], "PostgreSQL {major}");
        cluster.psql("drop extension pg_stat_statements");
        assert!(installed(&own).is_empty());
    }
}

/// Its objects are found wherever it is, and wherever it goes to.
#[test]
fn the_schema_of_an_extension_is_known() {
    for major in [majors()[0], newest_major()] {
        let cluster = Cluster::start(major);
        let query = "SELECT count(*) AS one, min('@extschema:pg_stat_statements@') AS schema FROM \
                     @extschema:pg_stat_statements@.pg_stat_statements";
        let yaml = format!(
            "found: {{ query: {query:?}, ttl: 3600, predicates: [ {{ predicate_query: \"SELECT pg_catalog.count(*) >= 0 FROM \
             @extschema:pg_stat_statements@.pg_stat_statements\" }} ], metrics: [ {{ one: {{ usage: GAUGE, description: One. }} }}, \
             {{ schema: {{ usage: LABEL, description: Where. }} }} ] }}\n"
        );
        let own = Own::start(&cluster, "postgres", &yaml);
        let place = || {
            let page = own.scrape();
            let found = page.samples.iter().find(|sample| sample.name == "found_one");
            found.map(|sample| sample.label("schema").unwrap().to_owned())
        };
        assert_eq!(place(), None, "the extension is not installed");
        cluster.psql("create schema \"My Schema\"; create schema \"it's\"");
        cluster.psql("create extension pg_stat_statements schema \"My Schema\"");
        assert_eq!(place().as_deref(), Some("\"My Schema\""));
        for schema in ["public", "My Schema"] {
            cluster.psql(&format!(
                "alter extension pg_stat_statements set schema \"{schema}\""
            ));
            assert_eq!(place(), Some(format!("\"{schema}\"")));
        }
        cluster.psql("alter extension pg_stat_statements set schema \"it's\"");
        assert_eq!(place(), None, "no name that may end a quoted text");
    }
}

#[test]
fn the_branch_of_the_servers_version_is_installed() {
    let branch = |key: &str, versions: &str, value: u32| {
        format!(
            "{key}: {{ name: versioned, query: SELECT {value} AS one, {versions} metrics: [ {{ one: {{ usage: GAUGE, description: One. }} }} ] }}\n"
        )
    };
    let yaml = branch("old", "max_version: 110000,", 10)
        + &branch("middle", "min_version: 110000, max_version: 180000,", 11)
        + &branch("new", "min_version: 180000,", 18);
    for (major, expected) in [(10, 10.0), (11, 11.0), (17, 11.0), (18, 18.0)] {
        if majors().contains(&major) {
            let own = Own::start(pg_exporter_lab::shared(major), "postgres", &yaml);
            assert_eq!(
                value(&own.scrape(), "versioned_one", &[]),
                expected,
                "PostgreSQL {major}"
            );
        }
    }
}

/// What was cached on a standby is not served once it is a primary.
#[test]
fn a_promotion_takes_the_replicas_series_away() {
    let primary = Cluster::start(newest_major());
    let standby = primary.standby();
    let yaml = collector("copy", "replica") + &collector("main", "primary");
    let own = Own::start(&standby, "postgres", &yaml);
    assert_eq!(installed(&own), ["copy"]);
    standby.promote();
    assert_eq!(installed(&own), ["main"]);
}

/// A setting that is to be so large at least never lowers the server's own: directly and through a pooler of either kind.
#[test]
fn a_setting_may_be_raised_and_never_lowered() {
    let yaml: String = [("raised", ">=32MB"), ("set", "32MB")]
        .map(|(name, size)| {
            format!(
                "{name}:\n  query: SELECT pg_catalog.pg_size_bytes(pg_catalog.current_setting('work_mem')) / 1048576 AS mib\n  \
                 settings: {{ work_mem: \"{size}\" }}\n  timeout: 30\n  metrics: [ mib: {{ usage: GAUGE, description: Size. }} ]\n"
            )
        })
        .concat();
    let layer = Layer::new(&yaml);
    for cluster in databases("raised") {
        let poolers = ["transaction", "statement"]
            .map(|mode| Pgbouncer::start_with(cluster, &format!("pool_mode = {mode}")));
        let urls = poolers.iter().map(|pooler| pooler.url("raised"));
        let urls: Vec<String> = urls.chain([cluster.url("raised")]).collect();
        for (own, raised) in [("4MB", 32.0), ("33MB", 33.0), ("1GB", 1024.0)] {
            cluster.psql(&format!("alter database raised set work_mem = '{own}'"));
            cluster.psql("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'raised'");
            for url in &urls {
                let exporter = exporter(url)
                    .args(["--no-builtin", "--auto-discovery=false", "--config"])
                    .arg(layer.path())
                    .start();
                let page = exporter.scrape();
                let found = ["raised_mib", "set_mib"].map(|name| page.value(name, &[]));
                assert_eq!(
                    found,
                    [Some(raised), Some(32.0)],
                    "{own} by {url}: {}",
                    exporter.stderr()
                );
            }
        }
    }
}
