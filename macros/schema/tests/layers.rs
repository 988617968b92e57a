//! How files are put together: directories, ownership, tuning, order. And that files of pg_exporter 1.x load.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::time::Duration;

use pg_exporter_schema::{Collector, Outcome, Source, Strictness, Tag, compile, layer};

const BASE: &str = "
pg_db_13:
  name: pg_db
  max_version: 140000
  ttl: 10
  query: SELECT 13
  metrics:
    - datname: { usage: LABEL }
    - size: { usage: GAUGE, description: Size }
pg_db_14:
  name: pg_db
  min_version: 140000
  ttl: 10
  query: SELECT 14
  metrics:
    - datname: { usage: LABEL }
    - size: { usage: GAUGE, description: Size }
    - wait: { usage: HISTOGRAM, bucket: [1, 2], description: Wait }
pg_wal:
  query: SELECT 0
  metrics:
    - bytes: { usage: COUNTER, description: Bytes }
";

fn base() -> Vec<Collector> {
    sound(compile(&[Source::new("base.yml", BASE)], Strictness::Strict))
}

fn sound(outcome: Outcome) -> Vec<Collector> {
    assert!(outcome.diagnostics.is_empty(), "{:?}", outcome.diagnostics);
    outcome.collectors
}

fn layered(text: &str) -> Vec<Collector> {
    sound(layer(
        &base(),
        &[Source::new("layer.yml", text)],
        Strictness::Lenient,
    ))
}

fn branches(collectors: &[Collector]) -> Vec<&str> {
    collectors
        .iter()
        .map(|collector| collector.branch.as_ref())
        .collect()
}

fn branch<'a>(collectors: &'a [Collector], name: &str) -> &'a Collector {
    collectors
        .iter()
        .find(|collector| collector.branch == name)
        .unwrap()
}

fn simple(branch: &str, query: &str) -> String {
    format!("{branch}:\n  query: {query}\n  metrics: [a: {{ usage: GAUGE, description: A }}]\n")
}

#[test]
fn no_layer_changes_nothing() {
    assert_eq!(layered("# nothing\n"), base());
    assert_eq!(sound(layer(&base(), &[], Strictness::Strict)), base());
}

#[test]
fn a_file_that_defines_a_branch_owns_the_collector() {
    let collectors = layered(&simple("pg_db", "SELECT 99"));
    assert_eq!(branches(&collectors), ["pg_wal", "pg_db"]);
    assert_eq!(branch(&collectors, "pg_db").origin.file, "layer.yml");
}

#[test]
fn two_files_may_share_a_collector() {
    let source = |file: &'static str, branch: &str, version: &str| {
        let text =
            simple(branch, "SELECT 1").replace("  query", &format!("  name: pg_db\n  {version}\n  query"));
        Source::new(file, text)
    };
    let sources = [
        source("1.yml", "x_13", "max_version: 140000"),
        source("2.yml", "x_14", "min_version: 140000"),
    ];
    let collectors = sound(layer(&base(), &sources, Strictness::Strict));
    assert_eq!(branches(&collectors), ["pg_wal", "x_13", "x_14"]);
}

#[test]
fn a_later_directory_overrides_by_branch() {
    let mut sources = [
        Source::new("a/1.yml", BASE),
        Source::new("b/1.yml", simple("pg_wal", "SELECT 77")),
    ];
    sources[1].directory = 1;
    let collectors = sound(compile(&sources, Strictness::Strict));
    assert_eq!(branches(&collectors), ["pg_db_13", "pg_db_14", "pg_wal"]);
    assert_eq!(branch(&collectors, "pg_wal").query, "SELECT 77");
}

#[test]
fn an_entry_without_query_tunes_a_branch_or_a_whole_collector() {
    let collectors =
        layered("pg_db: { ttl: 60, skip: true }\npg_wal: { timeout: -1, tags: [cluster], fatal: true }\n");
    for name in ["pg_db_13", "pg_db_14"] {
        let tuned = branch(&collectors, name);
        assert_eq!(
            (tuned.ttl, tuned.skip, tuned.query.as_ref()),
            (Duration::from_secs(60), true, &*format!("SELECT {}", &name[6..]))
        );
    }
    let wal = branch(&collectors, "pg_wal");
    assert_eq!(
        (wal.timeout, wal.fatal, wal.tags.as_ref()),
        (None, true, [Tag::Cluster].as_slice())
    );
    let one = layered("pg_db_14: { max_series: 7, max_stale: 30, priority: 5, max_version: 180000 }\n");
    assert_eq!(branches(&one), ["pg_db_14", "pg_db_13", "pg_wal"]);
    assert_eq!(
        (one[0].max_series, one[0].max_stale, one[0].max_version),
        (7, Duration::from_secs(30), 180_000)
    );
    assert_eq!(branch(&one, "pg_db_13").max_series, 0);
}

#[test]
fn a_tuned_column_is_rendered_anew() {
    let collectors = layered(
        "pg_db:\n  metrics:\n    - size: { rename: bytes, scale: '1e3', default: 0, description: In bytes }\n    \
         - wait: { bucket: [0.5] }\n    - datname: { rename: db }\n",
    );
    for name in ["pg_db_13", "pg_db_14"] {
        let columns = &branch(&collectors, name).columns;
        assert_eq!(
            (columns[0].name.as_ref(), columns[1].name.as_ref()),
            ("db", "pg_db_bytes")
        );
        assert_eq!((columns[1].scale, columns[1].default), (1000.0, Some(0.0)));
        assert_eq!(
            columns[1].families[0].head,
            "# HELP pg_db_bytes In bytes\n# TYPE pg_db_bytes gauge\n"
        );
    }
    let wait = &branch(&collectors, "pg_db_14").columns[2];
    assert_eq!(
        wait.buckets
            .iter()
            .map(|bucket| bucket.le.as_ref())
            .collect::<Vec<_>>(),
        ["0.5"]
    );
}

#[test]
fn a_file_may_tune_what_it_or_an_earlier_file_defines() {
    let sources = [
        Source::new(
            "1.yml",
            format!(
                "mine: {{ ttl: 5 }}\n{}",
                simple("mine", "SELECT 1")
                    .replace("mine", "mine_1")
                    .replace("  query", "  name: mine\n  query")
            ),
        ),
        Source::new("2.yml", "mine_1: { ttl: 7, skip: yes }\n"),
    ];
    let collectors = sound(layer(&base(), &sources, Strictness::Lenient));
    let mine = branch(&collectors, "mine_1");
    assert_eq!((mine.ttl, mine.skip), (Duration::from_secs(7), true));
}

#[test]
fn order_is_by_priority_then_by_file() {
    let text = |name: &str, priority: &str| {
        simple(name, "SELECT 1").replace("  query", &format!("  {priority}\n  query"))
    };
    let sources = [
        Source::new("1.yml", text("a", "priority: 500")),
        Source::new("2.yml", text("b", "priority: 0")),
        Source::new("3.yml", text("c", "ttl: 0") + &text("d", "ttl: 0")),
    ];
    let collectors = sound(compile(&sources, Strictness::Strict));
    let order: Vec<_> = collectors
        .iter()
        .map(|one| (one.branch.as_ref(), one.priority))
        .collect();
    assert_eq!(order, [("b", 101), ("c", 102), ("d", 102), ("a", 500)]);
}

#[test]
fn a_mistake_in_a_definition_is_not_reported_again_by_its_tuning() {
    let text = "x:\n  query: ''\n  metrics: [a: { usage: GAUGE }]\n";
    let outcome = layer(
        &base(),
        &[Source::new("l.yml", text), Source::new("m.yml", "x: { ttl: 5 }")],
        Strictness::Lenient,
    );
    assert_eq!(outcome.diagnostics.len(), 1, "{:?}", outcome.diagnostics);
}

/// Habits of files written for 1.x: leading zeros, numbers as texts, spaces before commas, keys that were ignored.
#[test]
fn files_of_pg_exporter_1_load() {
    let text = "
pg_query_10:
  name: pg_query
  desc: statements
  query: |
    SELECT datname, calls FROM s;
  ttl: 10
  timeout: 1
  min_version: 090600
  max_version: 130000
  tags: [ cluster, \"extension:pg_stat_statements\" ]
  unheard_of: 5
  predicate_queries:
    - name: p
      predicate_query: |
        SELECT true;
  metrics:
    - datname: { usage: LABEL    ,description: database }
    - calls: { usage: counter ,scale: \"1e-3\" ,default: '0' ,description: calls, in total }
pg_query_13: { name: pg_query, query: \"SELECT 1\", min_version: 130000, fatal: no, metrics: [ { calls: { usage: COUNTER, description: \"calls, in total\" } } ] }
";
    let outcome = compile(&[Source::new("pg_exporter.yml", text)], Strictness::Lenient);
    assert!(!outcome.has_errors(), "{:?}", outcome.diagnostics);
    let query = branch(&outcome.collectors, "pg_query_10");
    assert_eq!((query.min_version, query.max_version), (90_600, 130_000));
    assert_eq!(query.query, "SELECT datname, calls FROM s;");
    assert_eq!(
        (query.columns[1].scale, query.columns[1].default),
        (0.001, Some(0.0))
    );
    assert_eq!((query.origin.line, query.origin.query_line), (2, 6));
    let found: Vec<String> = outcome.diagnostics.iter().map(ToString::to_string).collect();
    assert!(
        found.iter().any(|line| line.contains("unknown key `unheard_of`")),
        "{found:?}"
    );
}
