//! Mistakes in Rust and in files that macros read are compile errors where they were made.
//!
//! `TRYBUILD=overwrite cargo test -p pg_exporter_macros` writes the expected messages.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

#[test]
fn mistakes_are_compile_errors_at_their_place() {
    lay_out_definitions();
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

/// `collectors!` reads directories relative to the crate it is used in, which here is one that trybuild makes.
fn lay_out_definitions() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let made = target
        .join("tests/trybuild")
        .join(env!("CARGO_PKG_NAME"))
        .join("definitions");
    for directory in ["good", "broken"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/ui/definitions")
            .join(directory);
        std::fs::create_dir_all(made.join(directory)).unwrap();
        for file in std::fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), made.join(directory).join(file.file_name())).unwrap();
        }
    }
}
