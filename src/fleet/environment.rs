//! What a target takes from around the process: where files are, and nothing that would hold for every server.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::files::{Files, Stamp};
use crate::postgres::conninfo::Environment;

/// Variables that say where libpq's files are. All others (`PGHOST`, `PGUSER`, `PGPASSWORD`…) are of one server, and would be
/// sent to all.
const VARIABLES: [&str; 4] = ["HOME", "PGPASSFILE", "PGSERVICEFILE", "PGSYSCONFDIR"];

/// The process' environment, as far as it may concern many servers.
#[derive(Debug)]
pub(super) struct Surroundings {
    files: Files,
    /// Service files that were looked at, as they were before.
    looked_at: RefCell<BTreeMap<PathBuf, Stamp>>,
}

impl Surroundings {
    pub(super) fn new(files: Files) -> Self {
        Self {
            files,
            looked_at: RefCell::default(),
        }
    }

    /// Service files that were looked at, as they were before they were read: one that is not there may come.
    pub(super) fn into_looked_at(self) -> impl Iterator<Item = (PathBuf, Stamp)> {
        self.looked_at.into_inner().into_iter()
    }
}

impl Environment for Surroundings {
    fn var(&self, name: &str) -> Option<OsString> {
        VARIABLES
            .contains(&name)
            .then(|| std::env::var_os(name))
            .flatten()
    }

    fn files(&self) -> Files {
        self.files.clone()
    }

    fn looks_at(&self, service_file: &Path) {
        let mut looked_at = self.looked_at.borrow_mut();
        if !looked_at.contains_key(service_file) {
            looked_at.insert(service_file.to_owned(), self.files.stamp(service_file));
        }
    }
}
