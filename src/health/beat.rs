//! Whether a loop turns: it beats, others look.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The beat of a loop, cheap to clone and to look at from any thread.
#[derive(Clone, Debug)]
pub struct Beat {
    /// In milliseconds since `origin`.
    last: Arc<AtomicU64>,
    origin: Instant,
    longest: Duration,
}

impl Beat {
    /// A loop that has just turned, and turns again within that time as long as it is alive.
    #[must_use]
    pub fn new(longest: Duration) -> Self {
        Self {
            last: Arc::default(),
            origin: Instant::now(),
            longest,
        }
    }

    /// The loop has turned.
    pub fn beat(&self) {
        let now = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    /// Whether it turned lately.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        self.origin.elapsed().saturating_sub(last) <= self.longest
    }
}
