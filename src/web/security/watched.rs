//! Whether files changed since they were read.

use std::path::{Path, PathBuf};

use crate::files::{Content, FileError, Files, Stamp};

/// Files and how they were before they were read, so that a change while they are read is seen too.
#[derive(Debug)]
pub(super) struct Watched {
    files: Files,
    stamps: Vec<(PathBuf, Stamp)>,
}

impl Watched {
    pub(super) fn new(files: Files) -> Self {
        let stamps = Vec::new();
        Self { files, stamps }
    }

    /// By what they are read.
    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// Reads a file and remembers it.
    pub(super) fn read(&mut self, path: &Path) -> Result<Content, FileError> {
        self.stamps.push((path.to_owned(), self.files.stamp(path)));
        self.files.read(path)
    }

    /// Whether each is as it was.
    pub(super) fn are_unchanged(&self) -> bool {
        self.stamps
            .iter()
            .all(|(path, stamp)| self.files.stamp(path) == *stamp)
    }
}
