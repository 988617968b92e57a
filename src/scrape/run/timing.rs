//! What is known of how long a collector's statement takes, and when the server's clock is asked about it.
//!
//! Answers of a pipeline come in together, and the server goes on while they are read: when an answer was read says little about
//! what its statement took. So now and then the server's clock is asked in front of a statement and behind it. The executions in
//! between are taken to be like the last one that was timed. Where the time of an answer says that they may not be, the next one is
//! timed.

use std::time::Duration;

use tokio::time::Instant;

/// The finest that is known by the server's clock: asking for it takes some hundredths of a millisecond itself.
pub const BY_CLOCK: Duration = Duration::from_micros(100);
/// The finest that is known by waiting.
pub const BY_WAITING: Duration = Duration::from_millis(1);
/// A wait that is so much longer or shorter than the last time by the clock makes the clock be asked again. It says no more: the exporter may
/// have waited for the network, or for a processor.
pub const SLACK: Duration = Duration::from_millis(10);
/// A wait that is so much longer is the statement's.
const SURE: Duration = Duration::from_secs(1);
/// How often an execution is timed. Asking for the clock costs the server about as much as a small statement.
const INTERVAL: Duration = Duration::from_secs(300);
/// How many are timed again in one turn of a database, so that it takes no longer than the others.
const AT_A_TIME: usize = 8;
/// So many executions are timed whenever they come: the first one on a server fills its caches.
const FIRST: u8 = 2;

/// A duration without what is not known of it: rounded up to what is.
#[must_use]
pub fn known(took: Duration, resolution: Duration) -> Duration {
    let parts = took.as_nanos().div_ceil(resolution.as_nanos().max(1)).max(1);
    resolution.saturating_mul(u32::try_from(parts).unwrap_or(u32::MAX))
}

/// What was seen of an execution.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    /// For how long the exporter had nothing to do but wait for the answer.
    pub waited: Duration,
    /// It cannot have taken longer: the time since the last answer that was waited for.
    pub at_most: Duration,
    /// The time between the marks around it, if it had any.
    pub timed: Option<Duration>,
}

/// What is known of one collector on one database.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timing {
    /// The last scrape that asked for the clock.
    asked: Option<Instant>,
    times: u8,
    last: Option<Duration>,
}

/// How many can still be timed in one turn of a database.
#[derive(Debug)]
pub struct Allowance(usize);

impl Default for Allowance {
    fn default() -> Self {
        Self(AT_A_TIME)
    }
}

impl Timing {
    /// Whether the execution that the scrape begun at `start` is about to make is timed.
    pub fn ask(&mut self, start: Instant, allowance: &mut Allowance) -> bool {
        let is_due = match self.asked {
            None => true,
            Some(asked) => {
                let is_old = start.saturating_duration_since(asked) >= INTERVAL;
                let is_wanted = allowance.0 > 0 && (is_old || self.times < FIRST);
                allowance.0 -= usize::from(is_wanted);
                is_wanted
            }
        };
        if is_due {
            self.asked = Some(start);
            self.times = self.times.saturating_add(1);
        }
        is_due
    }

    /// An execution gave a result: what to say that it took.
    pub fn took(&mut self, took: Took) -> Duration {
        if let Some(timed) = took.timed {
            self.last = Some(timed);
            return known(timed, BY_CLOCK);
        }
        let Some(last) = self.last else {
            self.doubt();
            return known(took.waited, BY_WAITING);
        };
        if took.waited > last + SLACK || took.at_most + SLACK < last {
            self.doubt();
        }
        if took.waited > last + SURE {
            known(took.waited, BY_WAITING)
        } else {
            known(last, BY_CLOCK)
        }
    }

    /// The next execution is timed.
    fn doubt(&mut self) {
        self.times = FIRST - 1;
    }

    /// The finest that is known of what it takes.
    #[must_use]
    pub fn resolution(&self) -> Duration {
        if self.last.is_some() { BY_CLOCK } else { BY_WAITING }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    fn waited(milliseconds: u32) -> Took {
        Took {
            waited: MILLISECOND * milliseconds,
            at_most: Duration::from_secs(3600),
            timed: None,
        }
    }

    fn timed(microseconds: u64) -> Took {
        Took {
            waited: Duration::from_nanos(1300),
            at_most: Duration::from_secs(3600),
            timed: Some(Duration::from_micros(microseconds)),
        }
    }

    #[test]
    fn nothing_finer_is_shown_than_is_known() {
        for (nanoseconds, resolution, shown) in [
            (1_300, BY_WAITING, 1_000),
            (1_000_001, BY_WAITING, 2_000),
            (50_000_000, BY_WAITING, 50_000),
            (0, BY_CLOCK, 100),
            (1_300, BY_CLOCK, 100),
            (100_000, BY_CLOCK, 100),
            (50_010_000, BY_CLOCK, 50_100),
        ] {
            let known = known(Duration::from_nanos(nanoseconds), resolution);
            assert_eq!(known, Duration::from_micros(shown), "{nanoseconds}");
        }
    }

    #[test]
    fn what_was_timed_stands_until_an_answer_says_otherwise() {
        let mut timing = Timing::default();
        assert_eq!(timing.took(waited(7)), MILLISECOND * 7);
        assert_eq!(timing.resolution(), BY_WAITING);
        let shown = Duration::from_micros(3_200);
        assert_eq!(timing.took(timed(3_140)), shown);
        for milliseconds in [0, 3, 13] {
            assert_eq!(timing.took(waited(milliseconds)), shown);
        }
        assert_eq!(timing.took(waited(900)), shown, "who knows what for");
        assert_eq!(timing.took(waited(2_000)), MILLISECOND * 2_000);
        let quick = Took {
            at_most: Duration::ZERO,
            ..waited(0)
        };
        assert_eq!(timing.took(quick), shown);
        assert_eq!(timing.resolution(), BY_CLOCK);
        // The clock knows better than the wait.
        let slow = Took {
            waited: MILLISECOND * 90,
            ..timed(40)
        };
        assert_eq!(timing.took(slow), BY_CLOCK);
    }

    #[tokio::test(start_paused = true)]
    async fn what_changes_is_timed_next() {
        let mut timing = Timing::default();
        let ask = |timing: &mut Timing| timing.ask(Instant::now(), &mut Allowance::default());
        assert_eq!(
            [ask(&mut timing), ask(&mut timing), ask(&mut timing)],
            [true, true, false]
        );
        timing.took(timed(500));
        assert!(!ask(&mut timing));
        for doubtful in [
            waited(100),
            Took {
                at_most: Duration::ZERO,
                ..waited(0)
            },
        ] {
            timing.took(timed(20_000));
            timing.took(doubtful);
            assert_eq!([ask(&mut timing), ask(&mut timing)], [true, false]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_is_asked_seldom_and_of_few_at_a_time() {
        const ALL: usize = 20;
        let mut all = [Timing::default(); ALL];
        let mut turn = || {
            let mut allowance = Allowance::default();
            let now = Instant::now();
            let asked = all
                .iter_mut()
                .map(|one| usize::from(one.ask(now, &mut allowance)));
            asked.sum::<usize>()
        };
        assert_eq!(turn(), ALL, "of each is something known at once");
        advance(Duration::from_secs(15)).await;
        let mut warm = Vec::new();
        for _ in 0..4 {
            warm.push(turn());
        }
        assert_eq!(warm, [8, 8, 4, 0]);
        let mut later = 0;
        for _ in 0..19 {
            advance(Duration::from_secs(15)).await;
            later += turn();
        }
        assert_eq!(later, 0, "not in the next 285 s");
        advance(Duration::from_secs(15)).await;
        assert_eq!([turn(), turn(), turn(), turn()], [8, 8, 4, 0]);
    }
}
