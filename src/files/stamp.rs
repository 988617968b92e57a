//! What changes when a file does.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What changes when a file does, also when another takes its place: behind a symbolic link, or by a rename.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// It is not there, or not to be seen.
    Missing,
    /// The system has not answered in time.
    Hangs,
    /// As it is.
    There {
        /// Device and inode.
        file: (u64, u64),
        /// In bytes.
        size: u64,
        /// When its content changed, in seconds and nanoseconds.
        modified: (i64, i64),
        /// When its content or owner changed, in seconds and nanoseconds.
        changed: (i64, i64),
    },
}

impl Stamp {
    pub(super) fn of(path: &Path) -> Self {
        fs::metadata(path).map_or(Self::Missing, |file| Self::There {
            file: (file.dev(), file.ino()),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }
}
