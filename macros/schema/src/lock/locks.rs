//! The locks of all directories of a set.

use std::collections::BTreeMap;
use std::path::Path;

use super::record::Lock;
use crate::model::Collector;
use crate::read::diagnostic::Diagnostic;
use crate::read::source::Source;

/// The locks that lie beside definitions, by directory.
#[derive(Clone, Debug, Default)]
pub struct Locks {
    of: BTreeMap<String, (String, Lock)>,
    /// What cannot be read in them.
    pub(crate) damages: Vec<Diagnostic>,
}

/// What comes of a difference between definitions and what was recorded: the variable `PG_EXPORTER_LOCK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockStrictness {
    /// Differences are not looked for.
    Off,
    /// Differences are warnings; where there is no lock there is nothing to differ from.
    Warn,
    /// Differences are errors, and there must be a lock.
    Require,
}

impl LockStrictness {
    /// What a value of the variable means; without one it is `otherwise`.
    ///
    /// # Errors
    /// What the values are, when it is none of them.
    pub fn parse(value: Option<&str>, otherwise: Self) -> Result<Self, String> {
        match value.map(str::trim) {
            None | Some("") => Ok(otherwise),
            Some("off") => Ok(Self::Off),
            Some("warn") => Ok(Self::Warn),
            Some("require") => Ok(Self::Require),
            Some(other) => Err(format!(
                "PG_EXPORTER_LOCK is `{other}`; write off, warn or require"
            )),
        }
    }
}

impl Locks {
    /// Reads the files, each named after its directory as the definitions of it are.
    #[must_use]
    pub fn read(files: &[Source]) -> Self {
        let mut locks = Self::default();
        for file in files {
            let text = String::from_utf8_lossy(&file.text);
            let (lock, damages) = Lock::parse(&text, &file.path);
            locks.damages.extend(damages);
            locks
                .of
                .insert(directory(&file.path).to_owned(), (file.path.to_string(), lock));
        }
        locks
    }

    /// The lock that lies beside a definition, and its name.
    pub(crate) fn beside(&self, collector: &Collector) -> Option<(&str, &Lock)> {
        let (file, lock) = self.of.get(directory(&collector.origin.file))?;
        Some((file, lock))
    }

    /// Every lock with its name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &Lock)> {
        self.of.values().map(|(file, lock)| (file.as_str(), lock))
    }
}

/// The directory that a file lies in, as its path says; empty for the current one.
pub(crate) fn directory(file: &str) -> &str {
    let parent = Path::new(file).parent().and_then(Path::to_str);
    parent.unwrap_or_default()
}
