//! The compiled set is the shipped files: the same collectors come of reading them at run time.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use pg_exporter::build_info::BUILD_INFO;
use pg_exporter::catalog::compiled::COLLECTORS;
use pg_exporter::schema::{
    Collector, LOCK_FILE, Locks, Source, Strictness, compile, dump, layer, read_dir, read_lock,
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn shipped() -> Vec<Source> {
    read_dir(&root().join("collectors"), "collectors").unwrap()
}

fn sound(sources: &[Source]) -> Vec<Collector> {
    let outcome = layer(&[], sources, Strictness::Strict);
    assert!(!outcome.has_errors(), "{:?}", outcome.diagnostics);
    outcome.collectors
}

#[test]
fn this_is_the_standard_distribution() {
    assert_eq!(
        BUILD_INFO.distribution, "standard",
        "the tests are about the shipped collectors"
    );
}

#[test]
fn every_shipped_file_means_at_run_time_what_was_compiled() {
    let sources = shipped();
    assert!(sources.len() > 20, "only {} files were found", sources.len());
    let mut read = sound(&sources);
    let lock = read_lock(&root().join("collectors"), "collectors", LOCK_FILE).unwrap();
    Locks::read(&[lock.unwrap()]).attach(&mut read);
    for (compiled, read) in COLLECTORS.iter().zip(&read) {
        assert_eq!(compiled, read, "compiled and read differ in {}", read.branch);
    }
    assert_eq!(COLLECTORS.len(), read.len());
}

#[test]
fn the_dumped_set_loads_back_to_the_same() {
    let text = dump(COLLECTORS);
    let mut again = sound(&[Source::new("dump.yml", text)]);
    for (again, compiled) in again.iter_mut().zip(COLLECTORS) {
        again.origin = compiled.origin.clone();
        assert_eq!(again, compiled);
    }
    assert_eq!(again.len(), COLLECTORS.len());
}

#[test]
fn the_legacy_set_is_a_set_of_its_own() {
    let directory = root().join("collectors/legacy");
    let outcome = compile(
        &read_dir(&directory, "collectors/legacy").unwrap(),
        Strictness::Strict,
    );
    assert!(!outcome.has_errors(), "{:?}", outcome.diagnostics);
    assert!(outcome.collectors.len() > 20);
}

#[test]
fn no_path_of_the_building_machine_is_compiled_in() {
    for collector in COLLECTORS {
        assert!(
            collector.origin.file.starts_with("collectors/"),
            "{}",
            collector.origin.file
        );
    }
}

/// A line for each metric of each branch: what a change of a definition does to the page is seen in its review.
/// `UPDATE_GOLDEN=1 cargo test --test compiled` writes the file.
#[test]
fn the_catalog_of_metrics_is_as_reviewed() {
    let file: PathBuf = root().join("tests/golden/catalog.txt");
    let text = catalog();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    let changed: Vec<String> = difference(&expected, &text);
    assert!(
        changed.is_empty(),
        "UPDATE_GOLDEN=1 accepts this:\n{}",
        changed.join("\n")
    );
}

fn catalog() -> String {
    let mut text = String::new();
    for collector in COLLECTORS {
        let labels: Vec<&str> = collector.labels().map(|column| column.name.as_ref()).collect();
        for column in collector.values() {
            for family in column.families.iter() {
                let kind = family.head.trim_end().rsplit(' ').next().unwrap();
                let (name, branch) = (&family.name, &collector.branch);
                writeln!(text, "{name} {kind} {branch} {{{}}}", labels.join(",")).unwrap();
            }
        }
    }
    text
}

fn difference(expected: &str, text: &str) -> Vec<String> {
    let lines = |text: &str| {
        text.lines()
            .map(str::to_owned)
            .collect::<std::collections::BTreeSet<_>>()
    };
    let (expected, found) = (lines(expected), lines(text));
    let gone = expected.difference(&found).map(|line| format!("- {line}"));
    gone.chain(found.difference(&expected).map(|line| format!("+ {line}")))
        .collect()
}
