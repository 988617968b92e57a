//! Waiting with a deadline.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a server may take for something that usually takes well under a second; machines can be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Between two questions: a tenth of what was waited, and no less or more than that. Who asks may start a process for it.
const PAUSES: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(50)];

/// Asks again and again until the answer is there, or the time is over: `None`.
pub(crate) fn poll<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    let deadline = begun + limit;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        let now = Instant::now();
        if now >= deadline {
            return None;
        }
        let pause = ((now - begun) / 10).clamp(PAUSES[0], PAUSES[1]);
        // The last question is asked when the time is over, not later.
        sleep(pause.min(deadline - now));
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
