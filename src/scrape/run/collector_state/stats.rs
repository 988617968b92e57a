//! What a collector's executions on a database came to.

use std::time::{Duration, SystemTime};

use crate::postgres::failure::{Failure, Reason};
use crate::scrape::run::history::{EXECUTIONS, Ring};

/// What the last execution came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Outcome {
    /// Not run yet.
    #[default]
    Never,
    /// A result.
    Good,
    /// A predicate said no: the result is empty.
    PredicateSkipped,
    /// An error.
    Failed(Failure),
}

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
