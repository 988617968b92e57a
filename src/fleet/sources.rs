//! The files that name targets: which they are, what they hold, whether they changed.

use std::path::{Path, PathBuf};

use pg_exporter_schema::{Diagnostic, Severity, Source};

use crate::files::{FileError, Files, Stamp};

/// What was read, and how it was before it was read, so that a change while it is read is seen too.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) sources: Vec<Source>,
    stamps: Vec<(PathBuf, Stamp)>,
}

/// Reads the files, and those directly inside the folders: `*.yml`, `*.yaml` and `*.json`.
///
/// # Errors
/// Everything that cannot be read.
pub(super) fn read(paths: &[PathBuf], files: &Files) -> (Read, Result<(), Vec<Diagnostic>>) {
    let mut read = Read::default();
    let mut found = Vec::new();
    for path in paths {
        read.stamps.push((path.clone(), files.stamp(path)));
        match files.entries(path) {
            Ok(None) => read.one(path, files, &mut found),
            Ok(Some(entries)) => {
                for file in entries.iter().filter(|file| is_of_targets(file)) {
                    read.stamps.push((file.clone(), files.stamp(file)));
                    read.one(file, files, &mut found);
                }
            }
            Err(error) => found.push(unreadable(path, &error)),
        }
    }
    let outcome = if found.is_empty() { Ok(()) } else { Err(found) };
    (read, outcome)
}

/// Editors keep their locks as `.#name`, and a mounted volume its versions as `..name`.
fn is_of_targets(file: &Path) -> bool {
    let is_hidden = file
        .file_name()
        .is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    let is_known = |ext: &std::ffi::OsStr| ext == "yml" || ext == "yaml" || ext == "json";
    !is_hidden && file.extension().is_some_and(is_known)
}

impl Read {
    fn one(&mut self, path: &Path, files: &Files, found: &mut Vec<Diagnostic>) {
        match files.read(path) {
            Ok(content) => self
                .sources
                .push(Source::new(path.display().to_string(), content.bytes())),
            Err(error) => found.push(unreadable(path, &error)),
        }
    }

    /// These were read as well.
    pub(super) fn also(&mut self, files: impl Iterator<Item = (PathBuf, Stamp)>) {
        self.stamps.extend(files);
    }

    /// Whether each is as it was.
    pub(super) fn is_unchanged(&self, files: &Files) -> bool {
        self.stamps
            .iter()
            .all(|(path, stamp)| files.stamp(path) == *stamp)
    }
}

fn unreadable(path: &Path, error: &FileError) -> Diagnostic {
    unplaced(path.display().to_string(), format!("cannot be read: {error}"))
}

/// A mistake of a whole file.
pub(super) fn unplaced(file: String, message: String) -> Diagnostic {
    Diagnostic {
        file,
        line: 0,
        column: 0,
        severity: Severity::Error,
        message,
    }
}
