//! Mistakes in Rust and in files that macros read are compile errors where they were made.
//!
//! `TRYBUILD=overwrite cargo test -p pg_exporter_macros` writes the expected messages.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use pg_exporter_schema::{Source, Strictness, compile};

#[path = "../schema/tests/support/same.rs"]
mod same;

/// Tells the run of this program that compiles what a lock is required for.
const LOCK: &str = "PG_EXPORTER_LOCK";

#[test]
fn mistakes_are_compile_errors_at_their_place() {
    for directory in ["good", "broken"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/ui/definitions")
            .join(directory);
        fs::create_dir_all(made().join(directory)).unwrap();
        for file in fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), made().join(directory).join(file.file_name())).unwrap();
        }
    }
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

/// The variable is one of the compiler's process, and a process does not change its own: another run of this program has it.
#[test]
fn differences_from_the_lock_are_compile_errors_at_their_place() {
    if env::var(LOCK).is_ok_and(|value| value == "require") {
        return trybuild::TestCases::new().compile_fail("tests/ui/recorded/*.rs");
    }
    lay_out_recorded();
    let name = "differences_from_the_lock_are_compile_errors_at_their_place";
    let mut again = Command::new(env::current_exe().unwrap());
    again.args(["--exact", name]).env(LOCK, "require");
    let output = again.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let cause = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{cause}"
    );
}

/// `collectors!` reads directories relative to the crate it is used in, which here is one that trybuild makes.
fn made() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let crate_ = target.join("tests/trybuild").join(env!("CARGO_PKG_NAME"));
    crate_.join("definitions")
}

/// Each fixture of the definition compiler in a directory of its own.
fn lay_out_recorded() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/tests/recorded");
    for file in fs::read_dir(fixtures).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|ext| ext != "yml") {
            continue;
        }
        let definitions = fs::read(&file).unwrap();
        let collectors = compile(&[Source::new("one.yml", definitions.clone())], Strictness::Strict);
        let lock = fs::read_to_string(file.with_extension("lock")).unwrap();
        let directory = made().join("recorded").join(file.file_stem().unwrap());
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("one.yml"), definitions).unwrap();
        let lock = same::with_fingerprints(&lock, &collectors.collectors);
        fs::write(directory.join("statements.lock"), lock).unwrap();
    }
}
