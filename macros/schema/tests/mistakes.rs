//! One fixture per kind of mistake: what is said of it, in a build and at run time.
//!
//! A fixture is a file, or a directory whose `base.yml` lies below its other files. Its messages are in the `.txt`
//! beside it, lenient ones only where they differ. `UPDATE_GOLDEN=1 cargo test -p pg_exporter_schema` writes them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};

use pg_exporter_schema::{Outcome, Source, Strictness, compile, layer, read_dir};

#[path = "support/golden.rs"]
mod golden;

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let entries = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut fixtures: Vec<_> = entries
        .filter(|path| path.extension().is_none_or(|ext| ext == "yml"))
        .collect();
    fixtures.sort();
    fixtures
}

fn judge(fixture: &Path, strictness: Strictness) -> Outcome {
    if !fixture.is_dir() {
        let name = fixture.file_name().unwrap().to_str().unwrap().to_owned();
        return compile(&[Source::new(name, std::fs::read(fixture).unwrap())], strictness);
    }
    let (base, layers): (Vec<_>, Vec<_>) = read_dir(fixture, "")
        .unwrap()
        .into_iter()
        .partition(|source| source.path == "base.yml");
    let base = compile(&base, Strictness::Strict);
    assert!(base.diagnostics.is_empty(), "{fixture:?}: {:?}", base.diagnostics);
    layer(&base.collectors, &layers, strictness)
}

fn messages(outcome: &Outcome) -> String {
    outcome
        .diagnostics
        .iter()
        .map(|found| format!("{found}\n"))
        .collect()
}

#[test]
fn each_mistake_is_reported_with_its_place_and_what_to_write_instead() {
    let fixtures = fixtures();
    assert!(fixtures.len() > 90, "only {} fixtures were found", fixtures.len());
    let mut wrong = Vec::new();
    for fixture in fixtures {
        let strict = messages(&judge(&fixture, Strictness::Strict));
        assert!(!strict.is_empty(), "{fixture:?} holds no mistake");
        let lenient = messages(&judge(&fixture, Strictness::Lenient));
        let text = if strict == lenient {
            strict
        } else {
            format!("{strict}\nAt run time:\n{lenient}")
        };
        wrong.extend(golden::differs(&fixture.with_extension("txt"), &text));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_has_an_error_is_not_in_the_set() {
    for fixture in fixtures().iter().filter(|fixture| !fixture.is_dir()) {
        let outcome = judge(fixture, Strictness::Strict);
        for collector in &outcome.collectors {
            assert!(
                !collector.query.is_empty() && (collector.skip || collector.values().count() > 0),
                "{fixture:?}"
            );
        }
    }
}
