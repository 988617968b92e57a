//! What a collector's executions on a database came to.

use std::time::{Duration, SystemTime};

use crate::postgres::failure::{Failure, Reason};
use crate::scrape::run::history::{EXECUTIONS, Ring};
use crate::scrape::run::timing::{BY_WAITING, Timing, Took, known};

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
    /// What is known of how long executions take.
    pub timing: Timing,
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

impl Stats {
    /// An execution ended.
    pub(super) fn executed(&mut self) {
        self.collections += 1;
        self.executions += 1;
        self.last_execution = Some(SystemTime::now());
    }

    /// It gave a result.
    pub(super) fn took(&mut self, took: Took) {
        let shown = self.timing.took(took);
        self.show(shown);
    }

    /// It failed, or came to nothing, after the exporter had waited for so long: that says nothing about one that gives a result.
    pub(super) fn waited(&mut self, waited: Duration) {
        self.show(known(waited, BY_WAITING));
    }

    fn show(&mut self, duration: Duration) {
        self.duration = duration;
        self.total_duration += duration;
        self.recent.push(duration.as_secs_f32());
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
