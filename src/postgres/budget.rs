//! When the server itself ends what we have sent.
//!
//! Statements are sent all at once, each with its own limit. If nobody can cancel them any more, because the network went
//! silent or the exporter was frozen, the server would run one after the other until the sum of their limits is used up.
//! Where that sum reaches beyond the scrape's deadline, limits are set by checkpoints: statements that set what is left by the
//! server's own clock, which is read with the facts. What begins after the end is cancelled after a millisecond.
//!
//! A budget is *plain* at first: each statement has its own limit. It becomes *watched* with the first statement that could end
//! too late; from then on no limit is set without a checkpoint.

use std::time::{Duration, Instant};

use super::checkpoint::Checkpoint;
use super::limits::{Limit, Limits, ServerClock};
use super::search_path::SearchPath;
use crate::catalog::facts::Kind;

/// How long after the deadline a checkpoint lets statements run: what the clocks may be apart by the way of the facts.
const SLACK: Duration = Duration::from_millis(500);

/// How long after the deadline the last statement may end at the latest, whatever happens.
const LATEST: Duration = Duration::from_millis(1_900);

/// What is sent before a statement.
#[derive(Clone, Debug)]
pub(in crate::postgres) enum Setting {
    /// Commands.
    Text(String),
    /// The session's checkpoint.
    Checkpoint(Checkpoint),
}

/// Where a pipeline of statements may be at the latest.
#[derive(Debug)]
pub(in crate::postgres) struct Budget {
    /// When what was sent so far has ended, if each statement takes all that it may.
    ended: Instant,
    deadline: Instant,
    clock: Option<ServerClock>,
    /// Whether a checkpoint has been set.
    is_watched: bool,
}

impl Budget {
    /// The budget of statements that are sent from `now` on, for a scrape with that deadline. Where the session is not ours
    /// alone nothing is watched.
    pub(in crate::postgres) fn new(limits: &Limits, now: Instant, deadline: Instant) -> Self {
        Self {
            ended: now,
            deadline,
            clock: limits.clock.filter(|_| limits.kind() == Kind::Postgres),
            is_watched: false,
        }
    }

    /// What to send before a statement that may take so long: its limit, or a checkpoint; `None` where nothing is to be
    /// changed.
    pub(in crate::postgres) fn before(
        &mut self,
        limits: &mut Limits,
        path: SearchPath<'_>,
        timeout: Duration,
    ) -> Option<Setting> {
        let ends = self.ended + timeout;
        let is_far = ends > self.deadline + LATEST;
        let Some(clock) = self.clock.filter(|_| is_far || self.is_watched) else {
            self.ended = ends;
            return limits.before_on(path, Limit::Time(timeout)).map(Setting::Text);
        };
        let is_alone = limits.after(path).is_some();
        if !is_alone && !is_far && limits.is_set(timeout) {
            self.ended = ends;
            return None;
        }
        let end = self.deadline + SLACK;
        self.ended = end;
        self.is_watched = true;
        let end = clock.at(end);
        if is_alone {
            return limits
                .before_on(path, Limit::Until(timeout, end))
                .map(Setting::Text);
        }
        limits.is_checked(timeout);
        Some(Setting::Checkpoint(Checkpoint { timeout, end }))
    }

    /// It has been sent. What checkpoints have set depends on when the server gets there.
    pub(in crate::postgres) fn end(self, limits: &mut Limits) {
        if self.is_watched {
            limits.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits(now: Instant) -> Limits {
        let mut limits = Limits::new(Kind::Postgres, 180_000, false);
        limits.clock = Some(ServerClock::asked(now, 1_000.0));
        limits
    }

    /// What is sent before each of the statements: `-` for nothing, `s` for a limit, `c` for a checkpoint.
    fn sent(limits: &mut Limits, now: Instant, deadline: Duration, timeouts: &[u32]) -> String {
        let mut budget = Budget::new(limits, now, now + deadline);
        let mut told = String::new();
        for seconds in timeouts {
            let text = budget.before(limits, SearchPath::Catalog, SECOND * *seconds);
            told.push(match text {
                None => '-',
                Some(Setting::Checkpoint(_)) => 'c',
                Some(Setting::Text(_)) => 's',
            });
        }
        budget.end(limits);
        told
    }

    #[test]
    fn what_cannot_end_too_late_has_its_own_limit() {
        let now = Instant::now();
        let mut limits = limits(now);
        assert_eq!(sent(&mut limits, now, SECOND * 10, &[1, 1, 2, 2, 1]), "s-s-s");
        assert_eq!(
            sent(&mut limits, now, SECOND * 10, &[1]),
            "-",
            "it is known to be set"
        );
    }

    #[test]
    fn what_could_is_watched_from_then_on() {
        let now = Instant::now();
        let mut limits = limits(now);
        assert_eq!(sent(&mut limits, now, SECOND * 3, &[2, 2, 2, 1, 1]), "s-cc-");
        assert_eq!(
            sent(&mut limits, now, SECOND * 10, &[1]),
            "s",
            "what is set is not known"
        );
    }

    #[test]
    fn checkpoints_end_soon_after_the_deadline() {
        let now = Instant::now();
        let mut limits = limits(now);
        let mut budget = Budget::new(&limits, now, now + SECOND);
        let setting = budget.before(&mut limits, SearchPath::Catalog, SECOND * 60);
        assert!(
            matches!(setting, Some(Setting::Checkpoint(checkpoint)) if checkpoint.text(180_000).contains("1001500::")),
            "1,000 s and 1.5 s"
        );
        let alone = budget.before(&mut limits, SearchPath::Role, SECOND * 60);
        assert!(
            matches!(alone, Some(Setting::Text(text)) if text.starts_with("BEGIN") && text.contains("clock_timestamp")),
            "what is alone has its own in its transaction"
        );
    }

    #[test]
    fn nothing_is_watched_without_a_clock() {
        let now = Instant::now();
        let mut limits = Limits::new(Kind::Postgres, 180_000, false);
        assert_eq!(sent(&mut limits, now, SECOND, &[60, 60]), "s-");
    }
}
