//! What a target takes from around the process: where files are, and nothing that would hold for every server.

use std::ffi::OsString;

use crate::files::Files;
use crate::postgres::conninfo::Environment;

/// Variables that say where libpq's files are. All others (`PGHOST`, `PGUSER`, `PGPASSWORD`…) are of one server, and would be
/// sent to all.
const VARIABLES: [&str; 4] = ["HOME", "PGPASSFILE", "PGSERVICEFILE", "PGSYSCONFDIR"];

/// The process' environment, as far as it may concern many servers.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    pub(super) files: Files,
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
}
