//! Configuration written for pg_exporter 1.x loads as it is, as one file and as a directory, and gives its series: what it
//! holds that our checks refuse without it being unusable is a warning at run time, a mistake for `check --strict`.

use std::time::Duration;

use pg_exporter_lab::Folder;
use pg_exporter_lab::exporter::Builder;
use pg_exporter_lab::{Cluster, Exporter, Page, Pgbouncer, wait_until};

use crate::support::{database, program, server};

/// What every file of 1.x has: leading zeros in versions, a space before commas, quoted numbers, a semicolon at the end of
/// a statement, two branches of one collector, fatal and priority, help texts that changed between branches.
const BASE: &str = r#"
#==============================================================#
# 0110 shop
#==============================================================#
shop_primary_only:
  name: shop
  desc: the server itself, must be available on primary
  query: |
    SELECT extract(EPOCH FROM CURRENT_TIMESTAMP) AS timestamp,
           extract(EPOCH FROM now() - pg_postmaster_start_time()) AS uptime,
           pg_is_in_recovery() AS is_in_recovery,
           NULL::int AS nothing;

  ttl: 1
  min_version: 090400
  tags: [ cluster, primary ]
  fatal: true
  priority: 10
  metrics:
    - timestamp:      { usage: GAUGE   ,description: "seconds since the epoch" }
    - uptime:         { usage: gauge   ,scale: "1e3" ,description: "milliseconds since start" }
    - is_in_recovery: { usage: GAUGE   ,description: "1 in recovery" }
    - nothing:        { usage: Counter ,default: '7' ,rename: something ,description: "seven" }

shop_replica_only:
  name: shop
  query: SELECT extract(EPOCH FROM CURRENT_TIMESTAMP) AS timestamp;
  ttl: 1
  min_version: 090400
  tags: [ cluster, replica ]
  fatal: true
  priority: 10
  metrics:
    - timestamp:      { usage: GAUGE   ,description: "now, in seconds since the epoch" }
"#;

/// Keys that 1.x never knew, a column's `name`, predicates, histograms, columns that are thrown away, versions that meet.
const MORE: &str = r#"
shop_item_9:
  name: shop_item
  desc: items by kind
  owner: the shop team
  predicate_queries:
    - name: table exists
      predicate_query: |
        SELECT EXISTS (SELECT FROM information_schema.tables WHERE table_name = 'item');
      ttl: 60
  query: |
    SELECT datname, kind, price, count(*) OVER (PARTITION BY kind) AS n FROM (
        SELECT current_database() AS datname, kind, price FROM item) AS i;
  ttl: 10
  timeout: 5
  min_version: 090000
  max_version: 100000
  tags: []
  metrics:
    - datname: { usage: LABEL, description: database, name: datname }
    - kind:    { usage: LABEL, description: kind }
    - price:   { usage: HISTOGRAM, bucket: [ 1, 10, 100 ], description: price }
    - n:       { usage: DISCARD, description: not shown }

shop_item_10:
  name: shop_item
  desc: items by kind
  predicate_queries:
    - name: table exists
      predicate_query: |
        SELECT EXISTS (SELECT FROM information_schema.tables WHERE table_name = 'item');
      ttl: 60
  query: |
    SELECT datname, kind, price, count(*) OVER (PARTITION BY kind) AS n FROM (
        SELECT current_database() AS datname, kind, price FROM item) AS i;
  ttl: 10
  timeout: 5
  min_version: 100000
  tags: []
  metrics:
    - datname: { usage: LABEL, description: database, name: datname }
    - kind:    { usage: LABEL, description: kind }
    - price:   { usage: HISTOGRAM, bucket: [ 1, 10, 100 ], description: price }
    - n:       { usage: DISCARD, description: not shown }

shop_elsewhere:
  query: SELECT 1 AS a
  tags: [ "dbname:nowhere", "not:shop" ]
  metrics: [ { a: { usage: GAUGE, description: a } } ]

shop_off:
  query: SELECT 1 AS a
  skip: yes
  metrics: [ { a: { usage: GAUGE, description: a } } ]
"#;

/// Branches that leave it to the exporter which one is installed.
const OVERLAP: &str = r#"
shop_size_old:
  name: shop_size
  query: SELECT 1 AS bytes
  max_version: 190000
  metrics: [ { bytes: { usage: GAUGE, description: size } } ]
shop_size_new:
  name: shop_size
  query: SELECT pg_database_size(current_database()) AS bytes
  min_version: 090000
  timeout: 5
  metrics: [ { bytes: { usage: GAUGE, description: size } } ]
"#;

const COMMENT_ONLY: &str = "# 0300 reserved\n";

fn start(url: &str, config: &str) -> Exporter {
    program(url).args(["--no-builtin", "--config", config]).start()
}

fn assert_series(page: &Page, exporter: &Exporter) {
    let value = |name: &str| page.value(name, &[]);
    assert_eq!(value("pg_up"), Some(1.0), "{}", exporter.stderr());
    assert!(value("shop_timestamp") > Some(1.6e9) && value("shop_uptime") > Some(0.0));
    assert_eq!(
        (value("shop_is_in_recovery"), value("shop_something")),
        (Some(0.0), Some(7.0))
    );
    assert_eq!(
        page.types.get("shop_something").map(String::as_str),
        Some("counter")
    );
    let bucket = |le: &str| page.value("shop_item_price_bucket", &[("kind", "tool"), ("le", le)]);
    assert_eq!(
        [bucket("1"), bucket("10"), bucket("100"), bucket("+Inf")],
        [0.0, 1.0, 2.0, 3.0].map(Some)
    );
    assert_eq!(
        page.value("shop_item_price_sum", &[("kind", "tool")]),
        Some(555.0)
    );
    assert_eq!(page.value("shop_item_price_count", &[("kind", "toy")]), Some(1.0));
    let size = value("shop_size_bytes");
    assert!(
        size > Some(1e6),
        "of two candidates the one for later versions: {size:?}"
    );
    for absent in ["shop_elsewhere_a", "shop_off_a", "shop_item_n"] {
        assert_eq!(page.all(absent).count(), 0, "{absent}");
    }
    let own = page
        .samples
        .iter()
        .filter(|sample| sample.name.starts_with("shop_"))
        .count();
    assert_eq!(own, 4 + 2 * 6 + 1, "and nothing else");
}

#[test]
fn a_file_and_a_directory_load_as_they_are() {
    let url = database("files_of_1x");
    server().psql_in(
        "files_of_1x",
        "create table item (kind text, price int);
         insert into item values ('tool', 5), ('tool', 50), ('tool', 500), ('toy', 1)",
    );
    let file = Folder::of(&[("pg_exporter.yml", &[BASE, MORE, OVERLAP].concat())]);
    let single = file.path().join("pg_exporter.yml");
    let directory = Folder::of(&[
        ("0110-shop.yml", BASE),
        ("0120-item.yaml", MORE),
        ("0300-reserved.yml", COMMENT_ONLY),
        ("0310-size.yml", OVERLAP),
        ("readme.txt", "not: [yaml"),
    ]);
    for config in [single.as_path(), directory.path()] {
        let config = config.to_str().unwrap();
        let exporter = start(&url, config);
        assert_series(&exporter.scrape(), &exporter);
        for warning in [
            "unknown key `owner` in `shop_item_9`",
            "can both be installed on one server",
            "has another description",
        ] {
            let line = exporter.line_of_log(warning);
            assert!(line.contains("level=warn"), "{line}");
        }
        // A reload of the same says the same: there is no mistake.
        assert_eq!(exporter.get("/reload").status, 200);

        let check = |more: &[&str]| {
            program(&url)
                .args(["--no-builtin", "check"])
                .args(more)
                .arg(config)
                .run()
        };
        let lenient = check(&[]);
        let findings: Vec<_> = lenient.stdout.lines().collect();
        assert_eq!(lenient.status.code(), Some(0), "{findings:?}");
        assert!(
            findings.len() == 3 && findings.iter().all(|line| line.contains(": warning: ")),
            "{findings:?}"
        );
        let strict = check(&["--strict"]);
        assert_eq!(strict.status.code(), Some(1));
        assert!(
            strict
                .stdout
                .lines()
                .any(|line| line.contains("unknown key") && !line.contains("warning"))
        );
    }
}

/// What an upgraded package leaves in force: the file of 1.x that defines every collector.
#[test]
fn a_complete_set_in_force_is_told_of() {
    let url = database("complete_of_1x");
    let complete = pg_exporter_schema::dump(pg_exporter::catalog::compiled::COLLECTORS);
    let tuning = "pg_db: { ttl: 5 }\npg_db_confl: { ttl: 5 }\n";
    let directory = Folder::of(&[("all.yml", &complete), ("few.yml", BASE), ("tuned.yml", tuning)]);
    let told = "1.x definitions replace ";
    for (file, is_told) in [("all.yml", true), ("few.yml", false), ("tuned.yml", false)] {
        let path = directory.path().join(file);
        let exporter = started(&program(&url).arg("--config").arg(&path));
        let log = exporter.stderr();
        let lines = log.lines().filter(|line| line.contains(told)).count();
        assert_eq!(lines, usize::from(is_told), "{file}: {log}");
        assert!(log.lines().count() < 8, "{log}");
        let doctor = program(&url).arg("--config").arg(&path).arg("doctor").run();
        assert_eq!(doctor.stdout.contains(told), is_told, "{file}: {}", doctor.stdout);
    }
    let alone = started(
        &program(&url)
            .args(["--no-builtin", "--config"])
            .arg(directory.path().join("all.yml")),
    );
    assert!(!alone.final_log().contains(told), "it is what was asked for");
}

/// All the kinds of oddities that the default files of 1.x have, each as often as they have it.
const ODD: &str = include_str!("../../macros/schema/tests/outside/v1-20-lenient-defaults.yml");

/// So many lines of warnings may a start have with the default files of 1.x.
const MOST_LINES: usize = 5;

/// What is said of definitions, which names their file. A busy machine has other warnings: statements that take too long.
fn warnings(log: &str, directory: &Folder) -> Vec<String> {
    let path = directory.path().to_str().unwrap();
    let warnings = log
        .lines()
        .filter(|line| !line.contains("level=info") && line.contains(path));
    warnings.map(str::to_owned).collect()
}

/// Lines are written by a thread of their own: those of the start are there when the last of them is.
fn started(builder: &Builder) -> Exporter {
    let exporter = builder.start();
    let _ = exporter.line_of_log("message=serving");
    exporter
}

/// The log of a start is read by a person: the hundreds of warnings that such files are worth are a few lines.
#[test]
fn default_files_start_with_few_lines_of_warnings() {
    let complete = pg_exporter_schema::dump(pg_exporter::catalog::compiled::COLLECTORS);
    let directory = Folder::of(&[("complete.yml", &complete), ("odd.yml", ODD)]);
    for major in [12, 15, 18] {
        let cluster = Cluster::start(major);
        cluster.psql("create extension pg_stat_statements");
        let bouncer = Pgbouncer::start(&cluster);
        let postgres = format!("{}?sslmode=disable", cluster.url("postgres"));
        for (url, up, family) in [
            (postgres, "pg_up", "own_is_in_recovery"),
            (bouncer.stats_url(), "pgbouncer_up", "own_pool_maxwait"),
        ] {
            let exporter = started(&program(&url).arg("--config").arg(directory.path()));
            let at_start = warnings(&exporter.stderr(), &directory);
            assert!(at_start.len() <= MOST_LINES, "{major} {up}: {at_start:#?}");
            let of_1x = at_start
                .iter()
                .any(|line| line.contains("1.x definitions replace "));
            let has_way = at_start.iter().any(|line| {
                line.contains("other kinds; `pg_exporter check ")
                    && line.contains("with --strict every place")
            });
            assert!(of_1x && has_way, "{major} {up}: {at_start:#?}");
            // Scrapes and reloads add no line to them but those of the reload.
            wait_until("everything is served", Duration::from_secs(60), || {
                let page = exporter.scrape();
                page.value(up, &[]) == Some(1.0) && page.all(family).count() > 0
            });
            let _ = exporter.line_of_log("scrape succeeded");
            assert_eq!(warnings(&exporter.stderr(), &directory), at_start, "{major} {up}");
            assert_eq!(exporter.get("/reload").status, 200);
            let all = warnings(&exporter.final_log(), &directory);
            assert!(all.len() <= 2 * MOST_LINES, "{all:#?}");
        }
    }
    // What the lines leave out is shown there: each kind, and each place.
    let check = |more: &[&str]| {
        let builder = program("postgresql://nobody@127.0.0.1:1/x")
            .arg("check")
            .args(more);
        builder.arg(directory.path()).run()
    };
    let lenient = check(&[]);
    assert_eq!(lenient.status.code(), Some(0));
    for kind in [
        "ends at the comma",
        "has another description in branch",
        "has another type in branch",
        "its series break where the versions meet",
        "no branch of `own_pool` is for versions",
        "can both be installed on one server",
        "has no metric column",
    ] {
        assert!(lenient.stdout.contains(kind), "{kind}: {}", lenient.stdout);
    }
    let strict = check(&["--strict"]);
    assert_eq!(strict.status.code(), Some(1));
    let commas = ODD.matches(", ").count();
    let told = strict.stdout.matches("ends at the comma").count();
    assert!(
        told > 20 && told < commas,
        "{told} of {commas} commas:\n{}",
        strict.stdout
    );
}
