//! Golden files: the code that is written for definitions, and the definitions dumped.
//!
//! The macros' tests compile the code and compare what it holds. `UPDATE_GOLDEN=1 cargo test -p pg_exporter_schema`
//! writes the files.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};

use pg_exporter_schema::{Collector, Strictness, compile, dump, json_schema, read_dir, write, write_file};

#[path = "support/golden.rs"]
mod golden;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn collectors() -> Vec<Collector> {
    let outcome = compile(&read_dir(&directory(), "golden").unwrap(), Strictness::Strict);
    assert!(outcome.diagnostics.is_empty(), "{:?}", outcome.diagnostics);
    outcome.collectors
}

fn assert_golden(name: &str, text: &str) {
    if let Some(difference) = golden::differs(&directory().join(name), text) {
        panic!("{difference}");
    }
}

#[test]
fn generated_code_is_as_reviewed() {
    assert_golden("collectors.rs", &write_file(&collectors()));
}

#[test]
fn the_file_and_the_tokens_say_the_same() {
    let collectors = collectors();
    let tokens = |text: String| {
        let tokens: proc_macro2::TokenStream = text.parse().unwrap();
        tokens.to_string().replace(char::is_whitespace, "")
    };
    assert!(tokens(write_file(&collectors)) == tokens(write(&collectors).to_string()));
}

#[test]
fn generated_code_names_no_path_of_this_machine() {
    let root = env!("CARGO_MANIFEST_DIR");
    assert!(!write_file(&collectors()).contains(root));
}

#[test]
fn dumped_definitions_are_as_reviewed() {
    assert_golden("dump.txt", &dump(&collectors()));
}

#[test]
fn the_json_schema_is_as_reviewed() {
    assert_golden("schema.json", &json_schema());
}
