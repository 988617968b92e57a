//! How long an answer is waited for.

use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::time::{timeout, timeout_at};

/// A timer that goes off so late tells that this process did not run: its machine was moved, its container frozen.
const LATE: Duration = Duration::from_millis(50);

/// What is enough to read an answer that has arrived meanwhile.
const LAST_LOOK: Duration = Duration::from_millis(20);

/// There was no answer in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLate;

/// Waits for an answer until the deadline. One that came while this process did not run is an answer: sockets are looked at
/// once more before the server is blamed.
///
/// # Errors
/// When there is none.
pub async fn within<F: Future>(deadline: Instant, answer: F) -> Result<F::Output, TooLate> {
    let mut answer = pin!(answer);
    if let Ok(answer) = timeout_at(deadline.into(), answer.as_mut()).await {
        return Ok(answer);
    }
    if deadline.elapsed() < LATE {
        return Err(TooLate);
    }
    timeout(LAST_LOOK, answer).await.map_err(|_| TooLate)
}
