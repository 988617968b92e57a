//! What the tests share: the repository's files, programs and what they say, a folder of one's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) use pg_exporter_lab::Folder;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_pg_exporter");

/// What GitHub shows of the main branch.
pub(crate) const REPOSITORY: &str = "https://github.com/pgsty/pg_exporter";

/// A path within the repository.
pub(crate) fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

pub(crate) fn read(relative: &str) -> String {
    fs::read_to_string(path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
}

/// All files below a folder of the repository, by their paths within it, sorted.
pub(crate) fn files(folder: &str) -> Vec<String> {
    let (mut found, mut waiting) = (Vec::new(), vec![path(folder)]);
    while let Some(place) = waiting.pop() {
        if place.is_dir() {
            waiting.extend(fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let relative = place.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
            found.push(relative.to_str().unwrap().to_owned());
        }
    }
    found.sort();
    assert!(!found.is_empty(), "nothing in {folder}");
    found
}

/// The documents: what is in the book, and what is beside it.
pub(crate) fn documents() -> Vec<String> {
    let beside = [
        "README.md",
        "CONTRIBUTING.md",
        "ARCHITECTURE.md",
        "SECURITY.md",
        "CHANGELOG.md",
    ];
    let mut found = beside.map(str::to_owned).to_vec();
    found.extend(files("docs").into_iter().filter(|file| file.ends_with(".md")));
    found
}

/// A program that `scripts/fetch-tools` brought.
pub(crate) fn tool(name: &str) -> Command {
    Command::new(pg_exporter_lab::tool(name))
}

/// Runs a command; what it wrote, if it failed.
pub(crate) fn run(command: &mut Command) -> Result<String, String> {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(said(&output.stdout))
    } else {
        Err(said(&output.stdout) + &said(&output.stderr))
    }
}

/// Compares a generated text with its file, or writes it where `UPDATE_GOLDEN` is set.
#[track_caller]
pub(crate) fn current(file: &str, wanted: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path(file), wanted).unwrap();
    }
    let found = fs::read_to_string(path(file)).unwrap_or_default();
    assert!(
        found == wanted,
        "{file} is not current: UPDATE_GOLDEN=1 cargo test --test book generated"
    );
}

/// All that is wrong, in one message.
#[track_caller]
pub(crate) fn nothing_wrong(wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "{} mistakes:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
