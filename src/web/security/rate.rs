//! A limit on requests: a bucket that holds `burst` and gains one every `interval`.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use pg_exporter_schema::RateLimitOptions;

use super::documents::Documents;
use crate::values::duration;

/// Highest burst.
const MOST: u32 = 1_000_000;

/// The limit and what is left of it.
#[derive(Debug)]
pub(in crate::web) struct Rate {
    interval: Duration,
    burst: u32,
    /// When the bucket is full again.
    full_at: Mutex<Option<Instant>>,
}

/// `None` when there is no limit, which an interval of 0 means.
pub(super) fn read(options: &RateLimitOptions, documents: &mut Documents) -> Option<Rate> {
    let interval = options.interval.as_ref()?;
    if duration::seconds(&interval.value, 1e-9) == Some(0.0) {
        return None;
    }
    let Some(time) = duration::positive(&interval.value, 1e-9) else {
        documents.wrong(
            interval,
            "bad value for `interval`; write a duration such as 100ms or 1s",
        );
        return None;
    };
    let burst = options.burst.as_ref().map_or(0, |burst| burst.value);
    match u32::try_from(burst)
        .ok()
        .filter(|burst| (1..=MOST).contains(burst))
    {
        Some(burst) => Some(Rate {
            interval: time,
            burst,
            full_at: Mutex::new(None),
        }),
        None => {
            let position = options
                .burst
                .as_ref()
                .map_or(options.position, |burst| burst.position);
            let message = "`rate_limit` with an interval needs a `burst` from 1 to 1000000; 0 would refuse every request";
            documents.error(position, message);
            None
        }
    }
}

impl Rate {
    /// A full bucket.
    pub(in crate::web) fn new(interval: Duration, burst: u32) -> Self {
        Self {
            interval,
            burst,
            full_at: Mutex::new(None),
        }
    }

    /// Takes one from the bucket; when there is none, how long until there is.
    pub(in crate::web) fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let next = full_at.unwrap_or(now).max(now) + self.interval;
        let limit = now + self.interval * self.burst;
        if next > limit {
            return Err(next - limit);
        }
        *full_at = Some(next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_one_each_interval() {
        let second = Duration::from_secs(1);
        let rate = Rate {
            interval: second,
            burst: 2,
            full_at: Mutex::new(None),
        };
        let start = Instant::now();
        assert_eq!(rate.take(start), Ok(()));
        assert_eq!(rate.take(start), Ok(()));
        assert_eq!(rate.take(start), Err(second));
        assert_eq!(rate.take(start + second / 2), Err(second / 2));
        assert_eq!(rate.take(start + second), Ok(()));
        assert_eq!(rate.take(start + second), Err(second));
        assert_eq!(rate.take(start + second * 9), Ok(()));
        assert_eq!(rate.take(start + second * 9), Ok(()));
        assert_eq!(rate.take(start + second * 9), Err(second));
    }
}
