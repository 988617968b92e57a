//! What a collector's executions on a database came to.

use std::time::{Duration, SystemTime};

use crate::postgres::failure::{Failure, Reason};
use crate::scrape::run::history::{EXECUTIONS, Ring};

/// Counts of one collector on one database. They survive re-planning and reload.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Times it was asked for, cache hits included.
    pub collections: u64,
    /// Times its cached result was served.
    pub hits: u64,
    /// Executions.
    pub executions: u64,
    /// Failed executions.
    pub errors: u64,
    /// Collections whose result was empty by a predicate.
    pub predicate_skips: u64,
    /// Failed executions by [`Reason`], in the order of [`Reason::ALL`].
    pub reasons: [u64; Reason::ALL.len()],
    /// Series dropped as duplicates of others of the same result.
    pub duplicates: u64,
    /// Series dropped because of `max_series`.
    pub over_limit: u64,
    /// What the last execution took.
    pub duration: Duration,
    /// What all executions took.
    pub total_duration: Duration,
    /// Seconds that each of the last executions took.
    pub recent: Ring<f32, EXECUTIONS>,
    /// When the last execution ended.
    pub last_execution: Option<SystemTime>,
    /// The last error, kept after it has passed.
    pub last_error: Option<Failure>,
    /// When it came.
    pub last_failed: Option<SystemTime>,
}

/// The finest that is known of what a statement took. Statements are pipelined: what is measured is the time between two answers,
/// and the next answer may have come while the one before was read.
pub const RESOLUTION: Duration = Duration::from_millis(1);

/// A duration without what is not known of it: whole milliseconds, rounded up.
#[must_use]
pub fn known(took: Duration) -> Duration {
    let whole = took.as_nanos().div_ceil(RESOLUTION.as_nanos());
    RESOLUTION.saturating_mul(u32::try_from(whole).unwrap_or(u32::MAX))
}

impl Stats {
    /// An execution ended; `took` is `None` if it did not get so far as to run.
    pub(super) fn executed(&mut self, took: Option<Duration>) {
        self.collections += 1;
        self.executions += 1;
        if let Some(took) = took {
            self.duration = known(took);
            self.total_duration += took;
            self.recent.push(self.duration.as_secs_f32());
        }
        self.last_execution = Some(SystemTime::now());
    }

    /// It failed.
    pub(super) fn failed(&mut self, failure: &Failure) {
        self.errors += 1;
        let at = Reason::ALL.iter().position(|reason| *reason == failure.reason);
        if let Some(count) = at.and_then(|at| self.reasons.get_mut(at)) {
            *count += 1;
        }
        self.last_failed = self.last_execution;
        self.last_error = Some(failure.clone());
    }
}
