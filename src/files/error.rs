//! Why a file was not read.

use std::io::ErrorKind;
use std::time::Duration;

/// Why a file was not read; without its path, which may be a secret's place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It is not there, or where it is must not be looked into.
    #[error("{}", words(*.0))]
    Unseen(ErrorKind),
    /// It is there, and the system does not hand it out.
    #[error("{}", words(*.0))]
    Unreadable(ErrorKind),
    /// It is something else, whose reading may wait for ever.
    #[error("it is a {0}, not a plain file")]
    NotPlain(&'static str),
    /// It is larger than anything that is expected.
    #[error("it is larger than {} MiB", .0 >> 20)]
    TooLarge(u64),
    /// The system has not answered in time.
    #[error("it was not read within {0:.1?}: its file system does not answer")]
    Hangs(Duration),
}

/// As the system's tools say it.
fn words(kind: ErrorKind) -> String {
    match kind {
        ErrorKind::NotFound => "No such file or directory".to_owned(),
        ErrorKind::PermissionDenied => "Permission denied".to_owned(),
        other => other.to_string(),
    }
}

impl FileError {
    /// Whether there is no such file.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Unseen(ErrorKind::NotFound | ErrorKind::NotADirectory))
    }

    /// Whether nothing is known of the file: its file system is ill. What the file said before is then the best guess; a file
    /// that is gone or closed to us is somebody's decision.
    #[must_use]
    pub fn is_of_file_system(&self) -> bool {
        match self {
            Self::Hangs(_) => true,
            Self::Unseen(kind) | Self::Unreadable(kind) => !matches!(
                kind,
                ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied
            ),
            Self::NotPlain(_) | Self::TooLarge(_) => false,
        }
    }
}
