//! Which run is meant.

use tokio::time::Instant;

/// Names a run. Later runs have larger ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

/// A run, and when it began: the moment that everything in it is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunStart {
    /// Which one.
    pub id: RunId,
    /// When it began.
    pub at: Instant,
}
