//! Turns of tests that keep the whole machine busy.

use std::fs::File;

use crate::cache::cache;
use crate::error::{Context, OrFail, Result};

/// The turn of a test, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    /// Locked; the lock ends with the process, however that ends.
    _lock: File,
}

/// Waits for the turn of a test that keeps the machine busy, with floods of requests or scenes of many servers. Beside another
/// one, be it of another suite, a small machine would not answer in time, and neither would measure the program.
///
/// # Panics
/// When the cache folder cannot be written.
#[must_use]
#[track_caller]
pub fn turn() -> Turn {
    take().or_fail()
}

fn take() -> Result<Turn> {
    let path = cache()?.join("turn");
    let lock = File::create(&path).context(|| format!("creating {}", path.display()))?;
    // A file opened once more is locked once more: this holds for the tests of one process as well.
    lock.lock().context(|| format!("locking {}", path.display()))?;
    Ok(Turn { _lock: lock })
}
