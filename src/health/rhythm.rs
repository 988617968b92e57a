//! When a thread wakes by itself.
//!
//! The runtime keeps a timer that is not near in a slot of 64 ms, or of 4,096 ms: it wakes the thread when the slot begins, and once
//! more for the timer itself. For a timer at the beginning of a slot it wakes the thread once. So whatever comes again and again
//! comes at the beginning of a slot, and what falls together wakes the thread together.

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep_until};

/// A slot of the runtime's timer.
const SLOT: Duration = Duration::from_millis(64);

/// The slot in which others are: the timer wakes the thread at its beginning as a rule.
const LONG_SLOT: Duration = Duration::from_millis(4_096);

/// The timer counts milliseconds and rounds up. So far before a slot its timers are asked for, lest they come a millisecond later.
const EARLY: Duration = Duration::from_micros(500);

/// Runtimes made for one whose slots are known. Where all took long, threads wake more often than they need.
const TRIES: u32 = 5;

/// An interval of so many slots may vary by one.
const MOST_SLOTS: u32 = 10;

/// The slots of a runtime's timer. By another runtime's, timers come in time, too.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    /// The beginning of a slot, and a little less.
    origin: Instant,
}

impl Rhythm {
    /// Makes a runtime, whose slots are known.
    ///
    /// # Errors
    /// When there can be none.
    pub fn with_runtime(builder: &mut Builder) -> io::Result<(Runtime, Self)> {
        let mut tries = 0;
        loop {
            let before = Instant::now();
            let runtime = builder.build()?;
            let took = before.elapsed();
            tries += 1;
            // Its timer began to count meanwhile. Who was kept from it does not know when.
            if took < EARLY || tries == TRIES {
                let begun = before + took / 2;
                let origin = begun.checked_sub(EARLY).unwrap_or(begun);
                return Ok((runtime, Self { origin }));
            }
        }
    }

    /// The beginning of the slot that the moment is in.
    fn slot(self, slot: Duration, moment: Instant) -> Instant {
        let passed = moment.saturating_duration_since(self.origin);
        let beyond = passed.as_nanos() % slot.as_nanos();
        moment
            .checked_sub(Duration::from_nanos(u64::try_from(beyond).unwrap_or_default()))
            .unwrap_or(moment)
    }

    /// The next moment for what is done so often, or a little more often: with whatever else wakes the thread then.
    #[must_use]
    pub fn next(self, every: Duration) -> Instant {
        let now = Instant::now();
        self.slot(LONG_SLOT, now + every)
            .max(now + LONG_SLOT.min(every) / 2)
    }

    /// Ticks at the interval, the first one now.
    #[must_use]
    pub fn ticks(self, interval: Duration) -> Ticks {
        Ticks {
            rhythm: self,
            interval,
            next: Instant::now(),
        }
    }
}

/// Ticks, as many as there are intervals, each up to a slot before its time. A tick that comes late puts off those behind it.
#[derive(Debug)]
pub struct Ticks {
    rhythm: Rhythm,
    interval: Duration,
    /// The next one's time.
    next: Instant,
}

impl Ticks {
    /// Waits for the next.
    pub async fn tick(&mut self) {
        let moment = match self.interval >= SLOT * MOST_SLOTS {
            true => self.rhythm.slot(SLOT, self.next),
            false => self.next,
        };
        sleep_until(moment).await;
        let least = Instant::now() + self.interval.saturating_sub(SLOT);
        self.next = (self.next + self.interval).max(least);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::time::advance;

    use super::*;

    /// One of which a slot begins now.
    fn rhythm() -> Rhythm {
        Rhythm {
            origin: Instant::now(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn ticks_come_at_their_interval_and_at_slots() {
        let (rhythm, begun) = (rhythm(), Instant::now());
        let mut ticks = rhythm.ticks(Duration::from_secs(1));
        let mut last = None;
        for number in 0..1_000 {
            ticks.tick().await;
            let passed = begun.elapsed();
            assert_eq!(passed.as_millis() % SLOT.as_millis(), 0);
            let nominal = Duration::from_secs(number);
            assert!(
                nominal >= passed && nominal - passed < SLOT,
                "{passed:?}, not {nominal:?}"
            );
            let since = last.map(|last| passed - last);
            assert!(
                since.is_none_or(|since| since <= Duration::from_millis(1_024)),
                "{since:?}"
            );
            last = Some(passed);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn short_intervals_are_kept_to_the_millisecond() {
        let (mut ticks, begun) = (rhythm().ticks(Duration::from_millis(100)), Instant::now());
        for number in 0..100 {
            ticks.tick().await;
            assert_eq!(begun.elapsed(), Duration::from_millis(100) * number);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_tick_puts_off_those_behind_it() {
        let mut ticks = rhythm().ticks(Duration::from_secs(1));
        ticks.tick().await;
        advance(Duration::from_secs(7)).await;
        ticks.tick().await;
        let late = Instant::now();
        for _ in 0..3 {
            ticks.tick().await;
        }
        let passed = late.elapsed();
        assert!(
            passed <= Duration::from_secs(3) && passed >= Duration::from_secs(3) - 2 * SLOT,
            "{passed:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_done_seldom_falls_together() {
        let rhythm = rhythm();
        advance(Duration::from_millis(700)).await;
        let every = 2 * LONG_SLOT;
        let one = rhythm.next(every);
        advance(Duration::from_millis(900)).await;
        assert_eq!(rhythm.next(every), one);
        sleep_until(one).await;
        assert_eq!(rhythm.next(every), one + every);
        assert!(rhythm.next(SLOT) > Instant::now(), "never at once");
    }

    /// What it knows of the runtime is true: a timer at a slot wakes the thread once less than another one.
    #[test]
    fn a_timer_at_a_slot_wakes_the_thread_once_less() {
        let wakes = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&wakes);
        let mut builder = Builder::new_current_thread();
        builder.enable_all();
        builder.on_thread_unpark(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let (runtime, rhythm) = Rhythm::with_runtime(&mut builder).unwrap();
        let wakes_until = |moment: Instant| {
            let before = wakes.load(Ordering::Relaxed);
            runtime.block_on(async { sleep_until(moment).await });
            wakes.load(Ordering::Relaxed) - before
        };
        let (mut at_slots, mut beside) = (Vec::new(), Vec::new());
        for _ in 0..9 {
            let moment = rhythm.slot(SLOT, Instant::now() + 3 * SLOT);
            at_slots.push(wakes_until(moment));
            let moment = rhythm.slot(SLOT, Instant::now() + 3 * SLOT) + SLOT / 2;
            beside.push(wakes_until(moment));
        }
        // One in eight or so goes over the beginning of a long slot, and where the thread comes late it wakes once. That a timer is there may
        // be one more.
        let median = |counts: &mut Vec<u32>| *counts.select_nth_unstable(4).1;
        let (at_slot, other) = (median(&mut at_slots), median(&mut beside));
        assert_eq!(at_slot + 1, other, "{at_slots:?}, {beside:?}");
    }
}
