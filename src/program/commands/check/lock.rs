//! `check` without a server: what servers said when they were asked, against the definitions as they are.

use std::path::Path;

use pg_exporter_schema::{Diagnostic, LOCK_FILE, LockStrictness, Locks, Source, Strictness, compile};

use crate::catalog;
use crate::files::Files;
use crate::program::settings::environment;
use crate::program::stop::Stop;

/// How strict a check is where the environment does not say: whoever recorded something wants to know.
pub(super) fn strictness() -> Result<LockStrictness, Stop> {
    let value = environment("PG_EXPORTER_LOCK");
    LockStrictness::parse(value.as_deref(), LockStrictness::Require).map_err(Stop::usage)
}

/// Every difference between a file, or the files of a directory, and the lock that lies beside them; none where there is no
/// lock.
pub(super) fn differences(path: &Path, files: &Files, strictness: LockStrictness) -> Vec<Diagnostic> {
    let is_directory = files.definitions(path).is_ok_and(|list| list.is_some());
    let directory = if is_directory {
        path
    } else {
        path.parent().unwrap_or(Path::new(""))
    };
    let file = directory.join(LOCK_FILE);
    let Ok(content) = files.read(&file) else {
        return Vec::new();
    };
    let locks = Locks::read(&[Source::new(file.to_string_lossy().into_owned(), content.bytes())]);
    // Mistakes in the files themselves are told already.
    let Ok(sources) = catalog::read(path, files) else {
        return Vec::new();
    };
    let outcome = compile(&sources, Strictness::Lenient);
    let mut found = locks.judge(&outcome, &sources, strictness);
    if is_directory && strictness != LockStrictness::Off {
        found.extend(locks.leftovers(&outcome));
    }
    found
}
