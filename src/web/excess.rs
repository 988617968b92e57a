//! What clients may send without being answered: a bound for all of them together.
//!
//! A request has a few hundred bytes. Who sends much more, and gets no answer for it, may send what is dear to read: a block
//! of 16 KB of HTTP/2 that refers 16,000 times to one field costs half a millisecond. Such pieces wait for each other, and
//! nobody else waits for them.

use std::time::{Duration, Instant};

use super::security::Rate;

/// Pieces at once, each a turn of [`timed_stream`](super::timed_stream), and one more each interval.
const PIECES: u32 = 32;
const INTERVAL: Duration = Duration::from_millis(5);

/// See the module.
#[derive(Debug)]
pub struct Excess(Rate);

impl Default for Excess {
    fn default() -> Self {
        Self(Rate::new(INTERVAL, PIECES))
    }
}

impl Excess {
    /// Takes one more piece; when there is no place, how long until there is.
    pub(super) fn take(&self, now: Instant) -> Result<(), Duration> {
        self.0.take(now)
    }
}
