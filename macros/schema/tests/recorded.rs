//! One fixture per kind of mistake that only a server knows of: what is said of it when its lock is required.
//!
//! A fixture is a definition file and the lock beside it, in which `SAME` stands for the fingerprint of the text as it is.
//! `UPDATE_GOLDEN=1 cargo test -p pg_exporter_schema` writes the messages.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

use pg_exporter_schema::{
    Diagnostic, LockStrictness, Locks, Outcome, Severity, Source, Strictness, compile, write_file,
};

#[path = "support/golden.rs"]
mod golden;
#[path = "support/same.rs"]
mod same;

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut fixtures: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|ext| ext == "yml"))
        .collect();
    fixtures.sort();
    fixtures
}

/// The definitions of a fixture, and what its lock says to them.
fn judged(fixture: &Path, strictness: LockStrictness) -> (Outcome, Vec<Diagnostic>) {
    let definitions = fs::read_to_string(fixture).unwrap();
    let lock = fs::read_to_string(fixture.with_extension("lock")).unwrap();
    let sources = [Source::new("one.yml", definitions)];
    let outcome = compile(&sources, Strictness::Strict);
    assert!(
        outcome.diagnostics.is_empty(),
        "{fixture:?}: {:?}",
        outcome.diagnostics
    );
    let lock = Source::new(
        "statements.lock",
        same::with_fingerprints(&lock, &outcome.collectors),
    );
    let locks = Locks::read(&[lock]);
    let mut found = locks.judge(&outcome, &sources, strictness);
    if strictness != LockStrictness::Off {
        found.extend(locks.leftovers(&outcome));
    }
    (outcome, found)
}

#[test]
fn each_mistake_is_told_with_its_place_and_the_servers_that_showed_it() {
    let fixtures = fixtures();
    assert!(fixtures.len() > 40, "only {} fixtures were found", fixtures.len());
    let mut wrong = Vec::new();
    for fixture in fixtures {
        let (_, found) = judged(&fixture, LockStrictness::Require);
        assert!(!found.is_empty(), "{fixture:?} holds no mistake");
        let text: String = found.iter().map(|found| format!("{found}\n")).collect();
        wrong.extend(golden::differs(&fixture.with_extension("txt"), &text));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn they_are_warnings_where_nothing_is_required_and_nothing_when_switched_off() {
    for fixture in fixtures() {
        let (_, found) = judged(&fixture, LockStrictness::Warn);
        assert!(
            found.iter().all(|found| found.severity == Severity::Warning),
            "{found:?}"
        );
        assert!(!found.is_empty());
        assert_eq!(judged(&fixture, LockStrictness::Off).1, []);
    }
}

#[test]
fn a_directory_without_a_lock_is_a_mistake_where_one_is_required() {
    let fixture = fixtures().into_iter().next().unwrap();
    let sources = [Source::new("shop/one.yml", fs::read(fixture).unwrap())];
    let outcome = compile(&sources, Strictness::Strict);
    let found = Locks::default().judge(&outcome, &sources, LockStrictness::Require);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    let expected = "shop/statements.lock: nothing is recorded, and PG_EXPORTER_LOCK=require: run `pg_exporter check shop \
                    --url URL --record`";
    assert_eq!(found, [expected]);
    assert_eq!(
        Locks::default().judge(&outcome, &sources, LockStrictness::Warn),
        []
    );
}

#[test]
fn the_words_of_the_variable() {
    let parse = |value| LockStrictness::parse(value, LockStrictness::Warn);
    assert_eq!(parse(None), Ok(LockStrictness::Warn));
    assert_eq!(parse(Some("")), Ok(LockStrictness::Warn));
    assert_eq!(parse(Some("off")), Ok(LockStrictness::Off));
    assert_eq!(parse(Some(" require ")), Ok(LockStrictness::Require));
    assert_eq!(
        parse(Some("yes")),
        Err("PG_EXPORTER_LOCK is `yes`; write off, warn or require".to_owned())
    );
}

/// The code that is written after mistakes is written all the same, so that they are the only errors.
#[test]
fn definitions_with_differences_are_still_written() {
    for fixture in fixtures() {
        let (outcome, _) = judged(&fixture, LockStrictness::Require);
        assert!(write_file(&outcome.collectors, &Locks::default()).contains("pub struct One"));
    }
}
