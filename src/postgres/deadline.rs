//! How long an answer is waited for.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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

/// A moment that several tasks know, in microseconds since an origin.
#[derive(Debug)]
struct Moment {
    origin: Instant,
    micros: AtomicU64,
}

impl Moment {
    fn now() -> Self {
        Self {
            origin: Instant::now(),
            micros: AtomicU64::new(0),
        }
    }

    fn set(&self) {
        let now = u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.micros.store(now, Ordering::Relaxed);
    }

    fn get(&self) -> Instant {
        self.origin + Duration::from_micros(self.micros.load(Ordering::Relaxed))
    }
}

/// What comes from a target over all connections to it. Over a narrow line the bytes of a scrape are in the way of short
/// answers: those are late then, and nobody is silent.
#[derive(Clone, Debug)]
pub struct Traffic(Arc<Arrivals>);

#[derive(Debug)]
struct Arrivals {
    bytes: AtomicU64,
    /// When the last piece was complete.
    last_piece: Moment,
}

/// So many bytes are a piece. A line that needs longer than [`FLOWS`] for one is as good as none.
const PIECE: u64 = 4096;

/// For how long after a piece more is on its way.
const FLOWS: Duration = Duration::from_secs(1);

impl Default for Traffic {
    fn default() -> Self {
        let mut last_piece = Moment::now();
        // Nothing has come yet.
        last_piece.origin = last_piece.origin.checked_sub(FLOWS).unwrap_or(last_piece.origin);
        Self(Arc::new(Arrivals {
            bytes: AtomicU64::new(0),
            last_piece,
        }))
    }
}

impl Traffic {
    fn came(&self, bytes: usize) {
        let bytes = bytes as u64;
        let before = self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before / PIECE != before.wrapping_add(bytes) / PIECE {
            self.0.last_piece.set();
        }
    }

    /// Whether so much is coming that what is short may be late.
    #[must_use]
    pub fn is_flowing(&self) -> bool {
        self.0.last_piece.get().elapsed() < FLOWS
    }

    /// Waits for a short answer: for the limit, and as long as there is traffic for ten times that.
    ///
    /// # Errors
    /// When there is none.
    pub async fn outlast<F: Future>(&self, limit: Duration, answer: F) -> Result<F::Output, TooLate> {
        let begun = Instant::now();
        let mut answer = pin!(answer);
        let mut deadline = begun + limit;
        loop {
            match within(deadline, answer.as_mut()).await {
                Err(TooLate) if self.is_flowing() && begun.elapsed() < limit * 10 => {
                    deadline = Instant::now() + limit / 4;
                }
                end => return end,
            }
        }
    }
}

/// When something was last heard of the other end of a connection.
#[derive(Clone, Debug)]
pub struct Liveness {
    last: Arc<Moment>,
    /// That of all connections to it.
    traffic: Traffic,
    /// Whether nobody counts as silent while there is traffic.
    is_patient: bool,
    /// Whether the last that was heard was to the end of a message.
    is_whole: Arc<AtomicBool>,
}

impl Default for Liveness {
    /// Heard of now for the first time.
    fn default() -> Self {
        Self::among(&Traffic::default())
    }
}

impl Liveness {
    /// Of one connection among others to the same target.
    #[must_use]
    pub fn among(traffic: &Traffic) -> Self {
        Self {
            last: Arc::new(Moment::now()),
            traffic: traffic.clone(),
            is_patient: false,
            is_whole: Arc::default(),
        }
    }

    /// The same, of an exchange that traffic may delay.
    #[must_use]
    pub fn patient(self) -> Self {
        Self {
            is_patient: true,
            ..self
        }
    }

    /// Something was heard.
    pub fn heard(&self) {
        self.last.set();
    }

    /// So many bytes came; none at the end of a connection.
    pub fn came(&self, bytes: usize) {
        self.heard();
        self.traffic.came(bytes);
    }

    /// What was heard ends with the end of a message, or in the middle of one.
    pub(in crate::postgres) fn heard_whole(&self, is_whole: bool) {
        self.is_whole.store(is_whole, Ordering::Relaxed);
    }

    /// Whether the other end has spoken to the end of a message: it is there, and at something.
    pub(in crate::postgres) fn is_at_something(&self) -> bool {
        self.is_whole.load(Ordering::Relaxed)
    }

    fn last(&self) -> Instant {
        match self.is_patient && self.traffic.is_flowing() {
            true => Instant::now(),
            false => self.last.get(),
        }
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
    async fn what_is_late_for_the_traffic_is_waited_for() {
        let traffic = Traffic::default();
        assert!(!traffic.is_flowing(), "nothing has come");
        assert_eq!(traffic.outlast(STEP, pending::<()>()).await, Err(TooLate));
        let scrape = Liveness::among(&traffic);
        (0..PIECE - 1).for_each(|_| scrape.came(1));
        assert!(!traffic.is_flowing(), "a trickle is no traffic");
        scrape.came(1);
        assert!(traffic.is_flowing());
        assert_eq!(traffic.outlast(STEP, sleep(STEP * 3)).await, Ok(()));
        let far = Instant::now() + Duration::from_secs(60);
        let probe = Liveness::among(&traffic).patient();
        assert_eq!(probe.lasting(STEP, far, sleep(STEP * 3)).await, Ok(()));
        let begun = Instant::now();
        assert_eq!(probe.lasting(STEP, far, pending::<()>()).await, Err(TooLate));
        assert!(begun.elapsed() < FLOWS * 2, "it ends with the traffic");
    }

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
