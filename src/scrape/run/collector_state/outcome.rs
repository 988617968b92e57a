//! What an execution of a collector came to.

use std::time::Duration;

use tokio::time::Instant;

use crate::postgres::failure::Failure;

/// What the last execution came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Outcome {
    /// Not run yet, on this server with this definition.
    #[default]
    Never,
    /// A result.
    Good,
    /// A predicate said no: the result is empty.
    Skipped,
    /// An error. It is not tried again before that moment.
    Failed(Failure, Option<Instant>),
    /// Objects or rights are missing. It is not tried again before that moment.
    Paused(Failure, Instant),
}

impl Outcome {
    /// Why it failed.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure, _) | Self::Paused(failure, _) => Some(failure),
            Self::Never | Self::Good | Self::Skipped => None,
        }
    }

    /// Whether there is a result, be it an empty one.
    #[must_use]
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Good | Self::Skipped)
    }
}

/// How an execution failed.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// For how long the exporter waited; `None` if it did not get so far as to run.
    pub waited: Option<Duration>,
    /// Whether the run's own end cut it short.
    pub is_cut_short: bool,
    /// The time between scrapes.
    pub interval: Duration,
}
