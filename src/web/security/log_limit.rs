//! Log lines about what clients do: as many as a person reads, however many clients there are.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Least time between two lines.
const PAUSE: Duration = Duration::from_secs(60);

/// When the last line was written, and what was kept back since.
#[derive(Debug, Default)]
pub(super) struct Seldom(Mutex<(Option<Instant>, u64)>);

impl Seldom {
    /// Whether to write one now; then, how many were kept back before it.
    pub(super) fn now(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, kept_back) = *state;
        if last.is_some_and(|last| now < last + PAUSE) {
            state.1 += 1;
            return None;
        }
        *state = (Some(now), 0);
        Some(kept_back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_then_a_pause() {
        let (seldom, start) = (Seldom::default(), Instant::now());
        assert_eq!(seldom.now(start), Some(0));
        assert_eq!(seldom.now(start), None);
        assert_eq!(seldom.now(start + PAUSE / 2), None);
        assert_eq!(seldom.now(start + PAUSE), Some(2));
        assert_eq!(seldom.now(start + PAUSE), None);
    }
}
