//! What one connection may have of the thread that answers probes.
//!
//! By time, whatever it is spent on: a probe each second needs a thousandth of it, a scrape a hundredth. Who needs more is
//! served too, in [turns](super::turns).

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Time that a connection may spend at once: some ten requests.
const BURST: Duration = Duration::from_micros(200);

/// A fiftieth of all time comes back.
const PART: u32 = 50;

/// See the module.
#[derive(Debug)]
pub(super) struct Share {
    /// When nothing of it is spent any more.
    whole_at: Cell<Instant>,
}

impl Share {
    pub(super) fn new() -> Self {
        Self {
            whole_at: Cell::new(Instant::now()),
        }
    }

    pub(super) fn is_used_up(&self, now: Instant) -> bool {
        self.whole_at.get() > now + BURST * PART
    }

    /// When nothing of it is spent any more: the later, the more it has had.
    pub(super) fn whole_at(&self) -> Instant {
        self.whole_at.get()
    }

    pub(super) fn spend(&self, time: Duration) {
        // One that was off for long owes no more for it than a moment's wait.
        let now = Instant::now();
        let most = now + 2 * BURST * PART;
        let whole_at = self.whole_at.get().max(now) + time.saturating_mul(PART);
        self.whole_at.set(whole_at.min(most));
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
}
