//! Golden files: the code that is written for definitions, and the definitions dumped.
//!
//! The macros' tests compile the code and compare what it holds. `UPDATE_GOLDEN=1 cargo test -p pg_exporter_schema`
//! writes the files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};

use pg_exporter_schema::{
    Collector, LOCK_FILE, LockStrictness, Locks, Strictness, compile, dump, json_schema, key_tables,
    read_dir, read_lock, write, write_file,
};

#[path = "support/golden.rs"]
mod golden;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn collectors() -> Vec<Collector> {
    let sources = read_dir(&directory(), "golden").unwrap();
    let mut outcome = compile(&sources, Strictness::Strict);
    assert!(outcome.diagnostics.is_empty(), "{:?}", outcome.diagnostics);
    let differences = locks().judge(&outcome, &sources, LockStrictness::Require);
    assert!(differences.is_empty(), "{differences:?}");
    locks().attach(&mut outcome.collectors);
    outcome.collectors
}

fn locks() -> Locks {
    let lock = read_lock(&directory(), "golden", LOCK_FILE).unwrap();
    Locks::read(&[lock.unwrap()])
}

fn assert_golden(name: &str, text: &str) {
    if let Some(difference) = golden::differs(&directory().join(name), text) {
        panic!("{difference}");
    }
}

#[test]
fn generated_code_is_as_reviewed() {
    assert_golden("collectors.rs", &write_file(&collectors(), &locks()));
}

#[test]
fn the_file_and_the_tokens_say_the_same() {
    let collectors = collectors();
    let tokens = |text: String| {
        let tokens: proc_macro2::TokenStream = text.parse().unwrap();
        tokens.to_string().replace(char::is_whitespace, "")
    };
    assert!(tokens(write_file(&collectors, &locks())) == tokens(write(&collectors, &locks()).to_string()));
}

#[test]
fn generated_code_names_no_path_of_this_machine() {
    let root = env!("CARGO_MANIFEST_DIR");
    assert!(!write_file(&collectors(), &locks()).contains(root));
}

#[test]
fn dumped_definitions_are_as_reviewed() {
    assert_golden("dump.txt", &dump(&collectors()));
}

#[test]
fn the_json_schema_is_as_reviewed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/collectors.schema.json");
    if let Some(difference) = golden::differs(&path, &json_schema()) {
        panic!("{difference}");
    }
}

/// The tables of keys in the guide are made of the rows of the language.
#[test]
fn the_guide_lists_every_key() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/collectors.md");
    let guide = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = guide.split_once("<!-- keys: ").unwrap();
    let (marker, rest) = rest.split_once('\n').unwrap();
    let (_, after) = rest.split_once("<!-- end of keys -->").unwrap();
    let tables = key_tables();
    let wanted = format!("{before}<!-- keys: {marker}\n{tables}<!-- end of keys -->{after}");
    if let Some(difference) = golden::differs(&path, &wanted) {
        panic!("{difference}");
    }
}
