//! What clients may send without being answered: a bound for all of them together.
//!
//! A request has a few hundred bytes. Who sends much more, and gets no answer for it, may send what is dear to read: a block
//! of 16 KB of HTTP/2 that refers 16,000 times to one field costs half a millisecond. Such pieces wait for each other, and
//! nobody else waits for them. Each that waits is in the middle of something, and holds 100 kB of memory: so few may wait, and the
//! others are closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::security::Rate;

/// Pieces at once, each a turn of [`timed_stream`](super::timed_stream), and one more each interval.
const PIECES: u32 = 32;
const INTERVAL: Duration = Duration::from_millis(5);

/// Connections that may wait; of clients with 16 or more half as many, so that one of them leaves places to the others.
const WAITING: usize = 128;
const CROWD: u32 = 2;

/// See the module.
#[derive(Debug)]
pub struct Excess {
    rate: Rate,
    waiting: AtomicUsize,
}

impl Default for Excess {
    fn default() -> Self {
        Self {
            rate: Rate::new(INTERVAL, PIECES),
            waiting: AtomicUsize::new(0),
        }
    }
}

/// The place of a connection that waits.
#[derive(Debug)]
pub(super) struct Waiting(Arc<Excess>);

impl Excess {
    /// Takes one more piece; when there is no place, how long until there is.
    pub(super) fn take(&self, now: Instant) -> Result<(), Duration> {
        self.rate.take(now)
    }

    /// A place for one that waits, of a client of a size; `None` when too many have one.
    pub(super) fn wait(self: &Arc<Self>, size: u32) -> Option<Waiting> {
        let most = if size < CROWD { WAITING } else { WAITING / 2 };
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        // One that is given back at once.
        let place = Waiting(Arc::clone(self));
        (before < most).then_some(place)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_wait_and_a_crowd_leaves_places() {
        let excess = Arc::<Excess>::default();
        let of_a_crowd: Vec<_> = std::iter::from_fn(|| excess.wait(CROWD)).collect();
        let of_others: Vec<_> = std::iter::from_fn(|| excess.wait(0)).collect();
        assert_eq!((of_a_crowd.len(), of_others.len()), (WAITING / 2, WAITING / 2));
        drop(of_a_crowd);
        assert!(excess.wait(0).is_some() && excess.wait(CROWD).is_none());
    }
}
