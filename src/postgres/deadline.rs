//! How long an answer is waited for.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
    let was_in_time = Instant::now() < deadline;
    let mut answer = pin!(answer);
    if let Ok(answer) = timeout_at(deadline.into(), answer.as_mut()).await {
        return Ok(answer);
    }
    if was_in_time && deadline.elapsed() >= LATE {
        return timeout(LAST_LOOK, answer).await.map_err(|_| TooLate);
    }
    Err(TooLate)
}

/// When something was last heard of the other end.
#[derive(Clone, Debug)]
pub struct Liveness {
    origin: Instant,
    /// Microseconds since the origin.
    last: Arc<AtomicU64>,
}

impl Default for Liveness {
    /// Heard of now for the first time.
    fn default() -> Self {
        Self {
            origin: Instant::now(),
            last: Arc::default(),
        }
    }
}

impl Liveness {
    /// Something was heard.
    pub fn heard(&self) {
        let now = u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.origin + Duration::from_micros(self.last.load(Ordering::Relaxed))
    }

    /// Waits for the end of an exchange of many steps for as long as the other end is not silent for longer than the limit,
    /// and until then at the latest. Time in which this process did not run counts as none.
    ///
    /// # Errors
    /// When it was silent, or the time is over.
    pub async fn lasting<F: Future>(
        &self,
        silence: Duration,
        mut until: Instant,
        exchange: F,
    ) -> Result<F::Output, TooLate> {
        let mut exchange = pin!(exchange);
        loop {
            let moment = until.min(self.last() + silence);
            if let Ok(end) = timeout_at(moment.into(), exchange.as_mut()).await {
                return Ok(end);
            }
            let late = moment.elapsed();
            if late >= LATE {
                until += late + LAST_LOOK;
                self.heard();
            }
            let now = Instant::now();
            if now >= until || now >= self.last() + silence {
                return Err(TooLate);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::sleep;

    use super::*;

    const STEP: Duration = Duration::from_millis(60);

    #[tokio::test]
    async fn who_goes_on_talking_is_listened_to() {
        let liveness = Liveness::default();
        let talk = async {
            for _ in 0..5 {
                sleep(STEP).await;
                liveness.heard();
            }
        };
        let until = Instant::now() + STEP * 100;
        assert_eq!(liveness.lasting(STEP * 3, until, talk).await, Ok(()));
    }

    #[tokio::test]
    async fn silence_and_the_end_are_limits() {
        let liveness = Liveness::default();
        let far = Instant::now() + Duration::from_secs(60);
        assert_eq!(liveness.lasting(STEP, far, pending::<()>()).await, Err(TooLate));
        let near = Instant::now() + STEP;
        let silence = Duration::from_secs(60);
        assert_eq!(
            liveness.lasting(silence, near, pending::<()>()).await,
            Err(TooLate)
        );
    }

    #[tokio::test]
    async fn a_deadline_that_is_past_grants_nothing() {
        let past = Instant::now() - STEP;
        assert_eq!(within(past, sleep(Duration::from_millis(1))).await, Err(TooLate));
        assert_eq!(within(past, async { 1 }).await, Ok(1), "but what is there counts");
    }
}
