//! Definition files in the manner of public ones: of postgres_exporter, CloudNativePG, 1.x over the years and sql_exporter. For each it is
//! written down what it says, and which families its collectors yield on PostgreSQL 12, 15 and 18.
//!
//! `UPDATE_GOLDEN=1 cargo test -p pg_exporter_schema --test outside` writes that.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;

use pg_exporter_schema::{Collector, Outcome, Source, Strictness, compile, convert, read_dir};

#[path = "support/corpus.rs"]
mod corpus;
#[path = "support/golden.rs"]
mod golden;

use corpus::{files, is_converted, is_lenient, is_refused};

/// A file as the exporter reads it; one of sql_exporter as `convert` writes it.
fn loaded(file: &Path) -> Outcome {
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    let source = Source::new(name.clone(), std::fs::read(file).unwrap());
    if !is_converted(file) {
        return compile(&[source], Strictness::Lenient);
    }
    let converted = convert(&[source]);
    assert!(!converted.is_incomplete(), "{name}: {:?}", converted.diagnostics);
    compile(&[Source::new(name, converted.text)], Strictness::Strict)
}

/// Families with their labels, of the branches that a server of that version has.
fn families(collectors: &[Collector], version: u32) -> String {
    let mut lines: Vec<String> = Vec::new();
    for collector in collectors
        .iter()
        .filter(|one| !one.skip && one.fits_version(version))
    {
        let labels: Vec<&str> = collector.labels().map(|label| label.name.as_ref()).collect();
        let tags: Vec<String> = collector.tags.iter().map(ToString::to_string).collect();
        for family in collector.values().flat_map(|column| column.families.iter()) {
            let kind = family.head.trim_end().rsplit(' ').next().unwrap();
            lines.push(format!(
                "{}{{{}}} {kind}, if {}",
                family.name,
                labels.join(", "),
                tags.join(", ")
            ));
        }
    }
    lines.sort();
    lines.join("\n  ")
}

#[test]
fn each_file_yields_what_its_author_meant() {
    let mut wrong = Vec::new();
    for file in files(Path::new(env!("CARGO_MANIFEST_DIR"))) {
        let outcome = loaded(&file);
        let mut text: String = outcome.diagnostics.iter().map(|one| format!("{one}\n")).collect();
        for version in [12, 15, 18] {
            let of_version = families(&outcome.collectors, version * 10_000);
            text.push_str(&format!("{version}:\n  {of_version}\n"));
        }
        assert_eq!(outcome.has_errors(), is_refused(&file), "{file:?}: {text}");
        if is_lenient(&file) {
            let source = Source::new("x.yml", std::fs::read(&file).unwrap());
            assert!(compile(&[source], Strictness::Strict).has_errors(), "{file:?}");
        }
        wrong.extend(golden::differs(&file.with_extension("txt"), &text));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The names of postgres_exporter's defaults stand beside the shipped ones: no collector replaces another, no metric is two.
#[test]
fn the_compatible_set_lies_beside_the_shipped_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../collectors");
    let shipped = read_dir(&root, "collectors").unwrap();
    let compatible = read_dir(&root.join("compat/postgres_exporter"), "compat").unwrap();
    let before = compile(&shipped, Strictness::Strict).collectors;
    let alone = compile(&compatible, Strictness::Strict);
    let found: Vec<String> = alone.diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(found, [""; 0]);
    let of_two: Vec<Source> = compatible
        .into_iter()
        .map(|source| Source {
            directory: 1,
            ..source
        })
        .collect();
    let both = compile(&[shipped, of_two].concat(), Strictness::Strict);
    let new = both
        .diagnostics
        .iter()
        .filter(|one| one.file.starts_with("compat"));
    assert_eq!(new.map(ToString::to_string).collect::<Vec<_>>(), [""; 0]);
    assert_eq!(both.collectors.len(), before.len() + alone.collectors.len());
    let names = |list: &[Collector]| -> Vec<String> { list.iter().map(|one| one.name.to_string()).collect() };
    let (before, alone) = (names(&before), names(&alone.collectors));
    let both: Vec<&String> = alone.iter().filter(|name| before.contains(name)).collect();
    assert_eq!(both, Vec::<&String>::new(), "names of collectors in both sets");
}
