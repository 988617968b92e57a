//! The definition files in the manner of public ones, for what reads them and for what runs them.

use std::path::{Path, PathBuf};

/// All of them, in the order of their names. `root` is the folder of this repository's crate `pg_exporter_schema`.
pub fn files(root: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(root.join("tests/outside"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|ext| ext == "yml"))
        .collect();
    files.sort();
    assert!(files.len() >= 40, "{}", files.len());
    files
}

/// A file's name without its extension.
pub fn name(file: &Path) -> &str {
    file.file_stem().unwrap().to_str().unwrap()
}

/// Files that cannot be taken, and that say so; what they hold is no expectation.
pub fn is_refused(file: &Path) -> bool {
    name(file).contains("refused") || name(file).contains("comments-only")
}

/// Files of sql_exporter: they are converted before they are read.
pub fn is_converted(file: &Path) -> bool {
    name(file).starts_with("sqlx-")
}

/// Files with what `check --strict` refuses, as default files of 1.x have it: they are read as they are only.
pub fn is_lenient(file: &Path) -> bool {
    name(file).contains("lenient")
}
