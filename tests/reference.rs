//! `docs/reference.md` is generated from the compiled definitions, and current. `UPDATE_GOLDEN=1 cargo test --test reference` writes
//! it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use pg_exporter::catalog::compiled::COLLECTORS;
use pg_exporter::schema::{Collector, Column, LOCK_FILE, Locks, OPEN, Source, Usage, shown_releases};

const INTRODUCTION: &str = "\
# Metrics of the servers

Generated from the definitions in `collectors/` by `UPDATE_GOLDEN=1 cargo test --test reference`: do not edit. Metrics about the exporter
itself: [Metrics of the exporter](metrics-of-the-exporter.md).

Versions are majors of the server; *from-to* includes both ends. *Proven* are those that the statement was prepared on when it was recorded
in `collectors/statements.lock`; types are those that the servers named then. A collector without the tag `cluster` runs on every
database. `skip` means defined but not run unless a run-time layer says `skip: false`. Times are seconds.
";

/// Branches by collector, collectors in the order of their files.
fn collectors() -> Vec<(String, Vec<&'static Collector>)> {
    let mut order: Vec<(String, Vec<&Collector>)> = Vec::new();
    let mut sorted: Vec<&Collector> = COLLECTORS.iter().collect();
    sorted.sort_by_key(|collector| (collector.origin.file.clone(), collector.origin.line));
    for collector in sorted {
        match order.iter_mut().find(|(name, _)| *name == collector.name) {
            Some((_, branches)) => branches.push(collector),
            None => order.push((collector.name.to_string(), vec![collector])),
        }
    }
    order
}

fn version(number: u32, pgbouncer: bool) -> String {
    if pgbouncer || number < 100_000 {
        format!("{}.{}", number / 10_000, number / 100 % 100)
    } else {
        (number / 10_000).to_string()
    }
}

fn versions(branch: &Collector) -> String {
    let pgbouncer = branch.tags.iter().any(|tag| tag.to_string() == "pgbouncer");
    let from = if branch.min_version == 0 {
        "any".to_owned()
    } else {
        version(branch.min_version, pgbouncer)
    };
    match branch.max_version {
        OPEN => format!("{from}+"),
        max => format!("{from}-{}", version(max - 100, pgbouncer)),
    }
}

fn cell(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
        .replace('<', "&lt;")
}

fn branches(text: &mut String, branches: &[&Collector]) {
    text.push_str(
        "\n| branch | versions | proven | tags | ttl | timeout | |\n|---|---|---|---|---|---|---|\n",
    );
    for branch in branches {
        let tags: Vec<_> = branch.tags.iter().map(ToString::to_string).collect();
        let timeout = branch
            .timeout
            .map_or_else(|| "none".to_owned(), |timeout| timeout.as_secs_f64().to_string());
        let marks: Vec<&str> = [(branch.fatal, "fatal"), (branch.skip, "skip")]
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, m)| *m)
            .collect();
        let (ttl, versions) = (branch.ttl.as_secs_f64(), versions(branch));
        let proven = proven(branch);
        let (branch, tags, marks) = (&branch.branch, tags.join(" "), marks.join(" "));
        writeln!(
            text,
            "| {branch} | {versions} | {proven} | {tags} | {ttl} | {timeout} | {marks} |"
        )
        .unwrap();
    }
}

/// The releases that prove a branch, or why none does.
fn proven(branch: &Collector) -> String {
    match LOCKS.unproven(branch) {
        Some(why) => format!("no: {}", cell(why)),
        None => shown_releases(&branch.origin.proven),
    }
}

/// What servers call a column in these branches.
fn types(branches: &[&Collector], is_it: impl Fn(&Column) -> bool) -> String {
    let mut types: Vec<String> = Vec::new();
    for branch in branches {
        for column in branch.columns.iter().filter(|column| is_it(column)) {
            for kind in LOCKS
                .sql_type(branch, column)
                .iter()
                .flat_map(|kinds| kinds.split("; "))
            {
                let kind = kind.split(' ').next().unwrap_or(kind).to_owned();
                if kind != "unknown" && !types.contains(&kind) {
                    types.push(kind);
                }
            }
        }
    }
    types.join(", ")
}

/// What was recorded of the shipped set.
static LOCKS: LazyLock<Locks> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("collectors");
    let text = std::fs::read(folder.join(LOCK_FILE)).unwrap();
    Locks::read(&[Source::new(format!("collectors/{LOCK_FILE}"), text)])
});

fn metrics(text: &mut String, branches: &[&Collector]) {
    struct Metric {
        kind: &'static str,
        help: String,
        versions: Vec<String>,
    }
    let mut order = Vec::new();
    let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
    for branch in branches {
        for column in branch.values() {
            let kind = match column.usage {
                Usage::Counter => "counter",
                Usage::Histogram => "histogram",
                _ => "gauge",
            };
            let metric = metrics.entry(column.name.to_string()).or_insert_with(|| {
                order.push(column.name.to_string());
                Metric {
                    kind,
                    help: cell(&column.help),
                    versions: Vec::new(),
                }
            });
            let versions = versions(branch);
            if !metric.versions.contains(&versions) {
                metric.versions.push(versions);
            }
        }
    }
    text.push_str("\n| metric | type | SQL type | versions | meaning |\n|---|---|---|---|---|\n");
    for name in order {
        let Metric { kind, help, versions } = &metrics[&name];
        let types = types(branches, |column| column.usage.is_value() && *column.name == name);
        writeln!(
            text,
            "| `{name}` | {kind} | {types} | {} | {help} |",
            versions.join(", ")
        )
        .unwrap();
    }
}

fn labels(text: &mut String, branches: &[&Collector]) {
    let mut seen = Vec::new();
    for label in branches.iter().flat_map(|branch| branch.labels()) {
        if !seen.contains(&&label.name) {
            seen.push(&label.name);
            let intro = if seen.len() == 1 { "\nLabels:\n" } else { "" };
            let types = types(branches, |column| {
                column.usage == Usage::Label && column.name == label.name
            });
            let types = if types.is_empty() {
                types
            } else {
                format!(" ({types})")
            };
            writeln!(text, "{intro}- `{}`{types}: {}", label.name, cell(&label.help)).unwrap();
        }
    }
}

fn reference() -> String {
    let mut text = INTRODUCTION.to_owned();
    for (name, of_name) in collectors() {
        let first = of_name.first().unwrap();
        writeln!(
            text,
            "\n## {name}\n{} (`{}`)",
            cell(&first.desc),
            first.origin.file
        )
        .unwrap();
        branches(&mut text, &of_name);
        labels(&mut text, &of_name);
        metrics(&mut text, &of_name);
    }
    text
}

#[test]
fn the_reference_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
    let wanted = reference();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/reference.md is not current: UPDATE_GOLDEN=1 cargo test --test reference"
    );
}
