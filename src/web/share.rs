//! What one connection may have of the thread that answers probes.
//!
//! By processor time, whatever it is spent on: a probe each second needs a thousandth of it, a scrape a hundredth. Who needs more is
//! served too, in [turns](super::turns). And so is everybody, where all together spend most of it: the shares of 400 connections are
//! eight times what there is. Of all together the time counts for which the system lets others go first, too: it keeps everybody
//! waiting.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Time that a connection may spend at once: some ten requests.
const BURST: Duration = Duration::from_micros(200);

/// A fiftieth of all time comes back.
const PART: u32 = 50;

/// The same of all connections together: half of all time comes back.
const BURST_OF_ALL: Duration = Duration::from_millis(5);
const PART_OF_ALL: u32 = 2;

/// See the module.
#[derive(Debug)]
pub(super) struct Share {
    burst: Duration,
    part: u32,
    /// When nothing of it is spent any more.
    whole_at: Cell<Instant>,
    /// What its last step took, with the requests that it began.
    step: Cell<Duration>,
    /// What those before took, which fades.
    before: Cell<Duration>,
}

impl Share {
    /// That of a connection.
    pub(super) fn new() -> Self {
        Self::with(BURST, PART)
    }

    /// That of all of them.
    pub(super) fn of_all() -> Self {
        Self::with(BURST_OF_ALL, PART_OF_ALL)
    }

    fn with(burst: Duration, part: u32) -> Self {
        Self {
            burst,
            part,
            whole_at: Cell::new(Instant::now()),
            step: Cell::default(),
            // More than one that asks for little has: whoever is new does not come before those.
            before: Cell::new(burst / 2),
        }
    }

    pub(super) fn is_used_up(&self, now: Instant) -> bool {
        self.whole_at.get() > now + self.burst * self.part
    }

    /// Begins a step: what is spent until the next one belongs to it.
    pub(super) fn begin_step(&self) {
        self.before.set(self.weight() * 7 / 8);
        self.step.set(Duration::ZERO);
    }

    /// How long its next step may keep others waiting, by those before: under HTTP/2 one reads what is asked, and the next one
    /// sends what was answered. It fades slowly: who does little for a few steps to come first with a long one gains nothing.
    pub(super) fn weight(&self) -> Duration {
        self.step.get().max(self.before.get())
    }

    pub(super) fn spend(&self, time: Duration) {
        // One that was off for long owes no more for it than a moment's wait.
        let now = Instant::now();
        let most = now + 2 * self.burst * self.part;
        let whole_at = self.whole_at.get().max(now) + time.saturating_mul(self.part);
        self.whole_at.set(whole_at.min(most));
        self.step.set(self.step.get().saturating_add(time));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_used_up_and_comes_back() {
        let share = Share::new();
        assert!(!share.is_used_up(Instant::now()));
        (0..4).for_each(|_| share.spend(BURST / 2));
        let now = Instant::now();
        assert!(share.is_used_up(now));
        assert!(!share.is_used_up(now + BURST * PART));
        // However much it was.
        share.spend(Duration::from_secs(3600));
        assert!(!share.is_used_up(now + 2 * BURST * PART));
    }

    #[test]
    fn the_steps_before_tell_how_long_the_next_one_is() {
        let share = Share::new();
        let mut weights = vec![share.weight().as_micros()];
        for parts in [[600, 40], [20, 0], [10, 10], [600, 0]] {
            share.begin_step();
            for part in parts {
                share.spend(Duration::from_micros(part));
            }
            weights.push(share.weight().as_micros());
        }
        assert_eq!(weights, [100, 640, 560, 490, 600]);
        for _ in 0..40 {
            share.begin_step();
        }
        assert!(share.weight() < Duration::from_micros(5));
    }
}
