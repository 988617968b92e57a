//! Whether a run may turn to a database.
//!
//! States: `Open` at first and after each success; `Failing` after a try that failed, until the next that succeeds; `Left`
//! while somebody wants the database for himself, for a while after that was last seen. Runs move it between the first two,
//! the drop guard to the third, which ends by itself.

use std::time::Duration;

use tokio::time::Instant;

use crate::postgres::backoff::Backoff;
use crate::postgres::failure::{Failure, Reason};

/// For how long a database is left alone after it was last seen to be wanted.
pub(in crate::scrape) const QUIET: Duration = Duration::from_secs(5);

/// The longest wait behind a failure that the way to the server may be to blame for, while the target is up by the probe's word.
/// A way that lets only small packets through is such a one: the probe does not see it, nor that it has healed.
const UP_AFTER_ALL: Duration = Duration::from_secs(1);

/// Whether a run may turn to a database.
#[derive(Debug, Default)]
pub(in crate::scrape) enum Access {
    /// It may.
    #[default]
    Open,
    /// The last try to connect failed: the next is to wait a little.
    Failing {
        failure: Failure,
        at: Instant,
        backoff: Backoff,
        /// Whether the probe found the target down at the time.
        was_down: bool,
    },
    /// Someone wants it for themselves.
    Left { until: Instant },
}

impl Access {
    /// Whether it is left alone now.
    pub(in crate::scrape) fn is_left(&self) -> bool {
        matches!(self, Self::Left { until } if Instant::now() < *until)
    }

    /// Someone wants it for themselves.
    pub(in crate::scrape) fn leave(&mut self) {
        *self = Self::Left {
            until: Instant::now() + QUIET,
        };
    }

    /// Why a connection must not be opened now. A target that was down when the last try failed, and is up by the probe's
    /// word, is no reason to wait any longer; nor is one that was up and of which no server had a word, after a moment.
    pub(in crate::scrape) fn obstacle(&self, is_up: bool) -> Option<Failure> {
        match self {
            Self::Open => None,
            Self::Left { .. } => self.is_left().then(left),
            Self::Failing {
                failure,
                at,
                backoff,
                was_down,
            } => {
                let is_of_the_way = failure.sqlstate.is_none() && !failure.is_our_own();
                let is_worth_it = *was_down || (is_of_the_way && at.elapsed() >= UP_AFTER_ALL);
                let may_try = backoff.may_try(Instant::now().into_std()) || (is_worth_it && is_up);
                (!may_try).then(|| failure.clone())
            }
        }
    }

    /// A try to connect failed.
    pub(in crate::scrape) fn failed(&mut self, failure: Failure, is_up: bool) {
        let mut backoff = match std::mem::take(self) {
            Self::Failing { backoff, .. } => backoff,
            Self::Left { until } if Instant::now() < until => {
                *self = Self::Left { until };
                return;
            }
            Self::Left { .. } | Self::Open => Backoff::default(),
        };
        backoff.failed(Instant::now().into_std());
        *self = Self::Failing {
            failure,
            at: Instant::now(),
            backoff,
            was_down: !is_up,
        };
    }

    /// A try succeeded.
    pub(in crate::scrape) fn succeeded(&mut self) {
        if !self.is_left() {
            *self = Self::Open;
        }
    }
}

/// Why a database that is left alone cannot be scraped.
pub(in crate::scrape) fn left() -> Failure {
    Failure::new(
        Reason::Connection,
        "left alone, because someone drops, renames or copies the database",
    )
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn refused() -> Failure {
        Failure {
            sqlstate: Some("53300".into()),
            ..Failure::connection("refused")
        }
    }

    #[tokio::test(start_paused = true)]
    async fn tries_wait_longer_and_longer_until_one_succeeds() {
        let mut access = Access::default();
        assert_eq!(access.obstacle(true), None);
        for _ in 0..9 {
            access.failed(refused(), true);
        }
        assert_eq!(access.obstacle(true), Some(refused()));
        advance(SECOND * 7).await;
        assert_eq!(access.obstacle(true), Some(refused()));
        advance(SECOND * 6).await;
        assert_eq!(access.obstacle(true), None);
        access.succeeded();
        access.failed(refused(), true);
        advance(SECOND / 5).await;
        assert_eq!(access.obstacle(true), None, "the first wait is a short one");
    }

    #[tokio::test(start_paused = true)]
    async fn a_target_that_came_back_is_not_waited_for() {
        let mut access = Access::default();
        (0..9).for_each(|_| access.failed(refused(), false));
        assert_eq!(access.obstacle(false), Some(refused()));
        assert_eq!(access.obstacle(true), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_way_that_failed_while_the_target_is_up_is_tried_again_soon() {
        let silent = Failure::timeout("no answer");
        let mut access = Access::default();
        (0..9).for_each(|_| access.failed(silent.clone(), true));
        assert_eq!(access.obstacle(true), Some(silent.clone()));
        advance(UP_AFTER_ALL).await;
        assert_eq!(access.obstacle(true), None);
        assert_eq!(access.obstacle(false), Some(silent));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_left_alone_is_left_alone_for_a_while() {
        let mut access = Access::default();
        access.leave();
        access.failed(refused(), true);
        access.succeeded();
        assert!(access.is_left());
        advance(QUIET / 2).await;
        access.leave();
        advance(QUIET - SECOND / 2).await;
        assert_eq!(access.obstacle(true), Some(left()));
        advance(SECOND).await;
        assert!(!access.is_left() && access.obstacle(true).is_none());
    }
}
