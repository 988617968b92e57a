//! Waiting with a deadline.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a server may take for something that usually takes well under a second; machines can be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again every 10 ms until the answer is there, or the time is over: `None`.
pub(crate) fn poll<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= deadline {
            return None;
        }
        sleep(Duration::from_millis(10));
    }
}

/// Waits until a condition holds.
///
/// # Panics
/// When it does not hold within `limit`, naming `what`.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    if poll(limit, || holds().then_some(())).is_none() {
        panic!("waited {limit:?} in vain until {what}");
    }
}
