//! When the server itself ends what we have sent.
//!
//! Statements are sent all at once, each with its own limit. If nobody can cancel them any more, because the network went
//! silent or the exporter was frozen, the server would run one after the other until the sum of their limits is used up.
//! Where that sum reaches beyond the scrape's deadline, limits are set by checkpoints: statements that set what is left by the
//! server's own clock, which is read with the facts. What begins after the end is cancelled after a millisecond.

use std::time::{Duration, Instant};

use super::limits::HAS_LOCK_TIMEOUT;
use super::session::Session;
use crate::catalog::facts::Kind;

/// How long after the deadline a checkpoint lets statements run: what the clocks may be apart by the way of the facts.
const SLACK: Duration = Duration::from_millis(500);

/// How long after the deadline the last statement may end at the latest, whatever happens.
const LATEST: Duration = Duration::from_millis(1_900);

/// The server's clock at a moment.
#[derive(Clone, Copy, Debug)]
pub(in crate::postgres) struct ServerClock {
    asked: Instant,
    /// Seconds since 1970 by the server.
    epoch: f64,
}

impl ServerClock {
    /// The clock, as asked for at a moment: by the time of the answer it has gone on, so statements end a little later
    /// rather than too early.
    pub(in crate::postgres) fn asked(at: Instant, epoch: f64) -> Self {
        Self { asked: at, epoch }
    }

    /// What it shows at a moment, in milliseconds.
    fn at(self, moment: Instant) -> f64 {
        (self.epoch + moment.saturating_duration_since(self.asked).as_secs_f64()) * 1e3
    }
}

/// Where a pipeline of statements may be at the latest.
#[derive(Debug)]
pub(in crate::postgres) struct Budget {
    /// When what was sent so far has ended, if each statement takes all that it may.
    ended: Instant,
    deadline: Instant,
    clock: Option<ServerClock>,
    /// Whether a checkpoint has been set: from then on no limit is set without one.
    is_watched: bool,
}

impl Session {
    /// The budget of statements that are sent from now on, for a scrape with that deadline. Where the session is not ours alone
    /// nothing is watched.
    pub(in crate::postgres) fn budget(&self, deadline: Instant) -> Budget {
        Budget {
            ended: Instant::now(),
            deadline,
            clock: self.clock.filter(|_| self.kind == Kind::Postgres),
            is_watched: false,
        }
    }

    /// What to send before a statement that may take so long: its limit, or a checkpoint; `None` where nothing is to be
    /// changed.
    pub(in crate::postgres) fn limits_on(
        &mut self,
        budget: &mut Budget,
        timeout: Duration,
    ) -> Option<String> {
        let ends = budget.ended + timeout;
        let is_far = ends > budget.deadline + LATEST;
        let Some(clock) = budget.clock.filter(|_| is_far || budget.is_watched) else {
            budget.ended = ends;
            return self.limits(timeout);
        };
        if budget.is_watched && !is_far && self.server_timeout == Some(timeout) {
            budget.ended = ends;
            return None;
        }
        let end = budget.deadline + SLACK;
        budget.ended = end;
        budget.is_watched = true;
        self.server_timeout = Some(timeout);
        Some(checkpoint(clock.at(end), timeout, self.version()))
    }

    /// The budget has been sent. What checkpoints have set depends on when the server gets there.
    pub(in crate::postgres) fn end_budget(&mut self, budget: &Budget) {
        if budget.is_watched {
            self.server_timeout = None;
        }
    }
}

/// Limits what follows to what is left until that time of the server's clock, in milliseconds.
fn checkpoint(end: f64, timeout: Duration, version: u32) -> String {
    let limit = timeout.as_millis().clamp(1, 1_000_000_000);
    let lock = if version < HAS_LOCK_TIMEOUT {
        ""
    } else {
        ", pg_catalog.set_config('lock_timeout', pg_catalog.text(greatest(1, s.most / 5 * 4)), false)"
    };
    format!(
        "SELECT pg_catalog.set_config('statement_timeout', pg_catalog.text(s.most), false){lock} \
         FROM (SELECT greatest(1, least({limit}, {end:.0} - pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000))\
         ::pg_catalog.int4 AS most OFFSET 0) s"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_clock_goes_on() {
        let clock = ServerClock::asked(Instant::now(), 1_000.5);
        let later = clock.at(clock.asked + Duration::from_millis(250));
        assert!((later - 1_000_750.0).abs() < 1e-3, "{later}");
    }

    #[test]
    fn a_server_without_lock_timeout_is_not_told_one() {
        let limit = Duration::from_secs(1);
        assert!(!checkpoint(1.0, limit, 90_224).contains("lock_timeout"));
        assert!(checkpoint(1.0, limit, 180_000).contains("lock_timeout"));
    }
}
