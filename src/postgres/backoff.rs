//! When a failed connect may be tried again.

use std::time::{Duration, Instant};

/// The wait after the first failure.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(10);

/// Waits that double from 100 ms to 10 s, with jitter of a quarter either way, so that a hundred exporters do not come
/// back to a restarted server at the same moment.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
    not_before: Option<Instant>,
}

impl Backoff {
    /// Whether a connect may be tried now.
    #[must_use]
    pub fn may_try(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|moment| now >= moment)
    }

    /// A connect failed.
    pub fn failed(&mut self, now: Instant) {
        let wait = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(now + wait.mul_f64(0.75 + fastrand::f64() / 2.0));
    }

    /// A connect succeeded.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_ten_seconds() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        assert!(backoff.may_try(now));
        let mut nominal = FIRST;
        for _ in 0..12 {
            backoff.failed(now);
            assert!(!backoff.may_try(now + nominal.mul_f64(0.74)));
            assert!(backoff.may_try(now + nominal.mul_f64(1.26)));
            nominal = (nominal * 2).min(LONGEST);
        }
        backoff.succeeded();
        assert!(backoff.may_try(now));
    }
}
