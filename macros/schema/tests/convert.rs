//! Files of other exporters and what is made of them: loaded strictly, it has no finding.
//!
//! `UPDATE_GOLDEN=1 cargo test -p pg_exporter_schema --test convert` writes what is expected.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};

use pg_exporter_schema::{Source, Strictness, compile, convert};

#[path = "support/golden.rs"]
mod golden;

fn inputs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/convert");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut inputs: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|ext| ext == "yml"))
        .collect();
    inputs.sort();
    inputs
}

#[test]
fn what_is_converted_loads_without_a_finding() {
    let mut wrong = Vec::new();
    let inputs = inputs();
    assert!(inputs.len() >= 3, "{inputs:?}");
    for input in inputs {
        let name = input.file_name().unwrap().to_str().unwrap().to_owned();
        let converted = convert(&[Source::new(name.clone(), std::fs::read(&input).unwrap())]);
        let outcome = compile(
            &[Source::new("converted.yml", converted.text.clone())],
            Strictness::Strict,
        );
        let found: Vec<String> = outcome.diagnostics.iter().map(ToString::to_string).collect();
        assert_eq!(found, [""; 0], "{name}:\n{}", converted.text);
        assert!(!outcome.collectors.is_empty(), "{name}");
        let said: String = converted
            .diagnostics
            .iter()
            .map(|found| format!("# said: {found}\n"))
            .collect();
        let complete = if converted.is_incomplete() { "no" } else { "yes" };
        let text = format!("{}\n# complete: {complete}\n{said}", converted.text);
        wrong.extend(golden::differs(&input.with_extension("txt"), &text));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_ours_already_stays_what_it_is() {
    let ours = "a:\n  query: SELECT 1 AS x\n  tags: [cluster]\n  metrics:\n    - x: { usage: GAUGE, description: X }\n";
    let source = |text: &str| Source::new("ours.yml", text.to_owned());
    let converted = convert(&[source(ours)]);
    assert!(!converted.is_incomplete() && converted.diagnostics.is_empty());
    let meaning = |text: &str| compile(&[source(text)], Strictness::Strict).collectors;
    let (before, after) = (meaning(ours), meaning(&converted.text));
    let same = before
        .iter()
        .zip(&after)
        .all(|(one, other)| one.means_the_same_as(other));
    assert!(same && before.len() == after.len(), "{}", converted.text);
}
