//! Whether the server lets new clients in: an old session may go on answering from memory while nobody else can connect.
//!
//! A door is tried again and again, one try at a time. A try is *due* after the interval, or at once after one that failed;
//! then *under way*; *overdue* once it has taken longer than a client would wait. The door is shut while a try is overdue,
//! or when as many as are tolerated have failed in a row. One that is answered opens it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::snapshot::State;
use crate::postgres::deadline::within;
use crate::postgres::failure::{Failure, Reason};

/// Failures in a row that shut the door: one may be a matter of the moment.
const TOLERATED: u32 = 2;

/// Why nobody is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shut {
    pub(super) state: State,
    pub(super) reason: Arc<str>,
}

/// One way of trying.
#[derive(Debug)]
pub(super) struct Door {
    /// Time between two tries.
    every: Duration,
    /// What a try may take, but for the delay.
    limit: Duration,
    /// What the way to the server adds just now.
    delay: Duration,
    phase: Phase,
    failures: u32,
    last: Option<Shut>,
    /// Whether a try was ever answered: until then nobody knows whether it can be.
    is_proven: bool,
    /// Why the last try was refused that was answered, where that concerns us alone.
    refused: Option<Failure>,
}

#[derive(Debug)]
enum Phase {
    Idle {
        due: Instant,
    },
    UnderWay {
        since: Instant,
        task: JoinHandle<Result<(), Failure>>,
    },
}

impl Door {
    /// A door that was open just now.
    pub(super) fn new(every: Duration, limit: Duration) -> Self {
        Self {
            every,
            limit,
            delay: Duration::ZERO,
            phase: Phase::Idle {
                due: Instant::now() + every,
            },
            failures: 0,
            last: None,
            is_proven: true,
            refused: None,
        }
    }

    /// A door of which nobody knows yet whether it ever opens.
    pub(super) fn unproven(every: Duration, limit: Duration) -> Self {
        let mut door = Self::new(every, limit);
        door.is_proven = false;
        door
    }

    /// Whether trying is of no use: the first try failed.
    pub(super) fn is_of_no_use(&self) -> bool {
        !self.is_proven && self.failures > 0
    }

    /// Whether it lets others in, but not us: a password, a rule, a limit.
    pub(super) fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// The way to the server takes so long just now, by what was asked over it last.
    pub(super) fn delayed_by(&mut self, delay: Duration) {
        self.delay = delay;
    }

    fn limit(&self) -> Duration {
        self.limit + self.delay
    }

    /// Begins a try, if one is due and none is under way.
    pub(super) fn attempt<F>(&mut self, attempt: impl FnOnce() -> F)
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.look();
        let now = Instant::now();
        if matches!(self.phase, Phase::Idle { due } if now >= due) {
            let task = tokio::spawn(attempt());
            self.phase = Phase::UnderWay { since: now, task };
        }
    }

    /// Waits for the try that is under way, until it is overdue.
    pub(super) async fn settle(&mut self) {
        let limit = self.limit();
        if let Phase::UnderWay { since, task } = &mut self.phase {
            // Time in which this process did not run counts as none.
            let end = within((*since + limit).into_std(), task).await;
            if let Ok(end) = end {
                let since = *since;
                self.ended(since, end.unwrap_or_else(|_| Err(broken_off())));
            }
        }
    }

    /// Takes note of a try that has ended since.
    fn look(&mut self) {
        if let Phase::UnderWay { since, task } = &mut self.phase
            && let Some(end) = task.now_or_never()
        {
            let since = *since;
            self.ended(since, end.unwrap_or_else(|_| Err(broken_off())));
        }
    }

    fn ended(&mut self, since: Instant, end: Result<(), Failure>) {
        let end = match end {
            Err(failure) if failure.is_our_own() => {
                self.refuses(Some(failure));
                Ok(())
            }
            Ok(()) => {
                self.refuses(None);
                Ok(())
            }
            failed => failed,
        };
        let due = match end {
            Ok(()) => {
                self.is_proven = true;
                self.failures = 0;
                self.last = None;
                // From its beginning, and a little less: who asks at each tick would otherwise pass over one after the other.
                since + self.every.mul_f64(0.9)
            }
            Err(failure) => {
                self.failures = self.failures.saturating_add(1);
                let state = if failure.is_starting() {
                    State::Starting
                } else {
                    State::Down
                };
                let reason = failure.to_string().into();
                self.last = Some(Shut { state, reason });
                Instant::now()
            }
        };
        self.phase = Phase::Idle { due };
    }

    /// Tells what has changed. That there was no connection to try with says nothing.
    fn refuses(&mut self, refused: Option<Failure>) {
        let is_told = |failure: &Failure| failure.reason != Reason::Timeout;
        match (&self.refused, &refused) {
            (last, Some(now)) if last.as_ref() != Some(now) && is_told(now) => {
                tracing::warn!("new connections are refused, health keeps the session that it has: {now}");
            }
            (Some(last), None) if is_told(last) => tracing::info!("new connections are let in again"),
            _ => {}
        }
        self.refused = refused;
    }

    /// Why nobody is let in; none when somebody is, or it is not known yet.
    pub(super) fn shut(&mut self) -> Option<Shut> {
        self.look();
        if !self.is_proven {
            return None;
        }
        match &self.phase {
            Phase::UnderWay { since, .. } if since.elapsed() >= self.limit() => Some(Shut {
                state: State::Down,
                reason: format!("a new connection got no answer within {:.1?}", self.limit()).into(),
            }),
            _ => self.last.clone().filter(|_| self.failures >= TOLERATED),
        }
    }
}

fn broken_off() -> Failure {
    Failure::connection("the try did not come to its end")
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Phase::UnderWay { task, .. } = &self.phase {
            task.abort();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::future::{pending, ready};

    use tokio::time::advance;

    use super::*;

    const EVERY: Duration = Duration::from_secs(5);
    const LIMIT: Duration = Duration::from_secs(2);

    fn refused() -> Result<(), Failure> {
        Err(Failure::connection("refused"))
    }

    /// One tick of the probe.
    async fn tick(door: &mut Door, end: Result<(), Failure>) -> Option<Shut> {
        advance(Duration::from_secs(1)).await;
        door.attempt(|| ready(end));
        door.settle().await;
        door.shut()
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_tried_at_its_interval() {
        let mut door = Door::new(EVERY, LIMIT);
        let mut tries = 0;
        for _ in 0..20 {
            advance(Duration::from_secs(1)).await;
            door.attempt(|| {
                tries += 1;
                ready(Ok(()))
            });
            door.settle().await;
            assert_eq!(door.shut(), None);
        }
        assert_eq!(tries, 4);
    }

    /// A try takes a moment: the next is not a whole tick late for that.
    #[tokio::test(start_paused = true)]
    async fn at_each_tick_it_is_tried_at_each_tick() {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.tick().await;
        let mut door = Door::new(ticks.period(), LIMIT);
        let mut tries = 0;
        for _ in 0..20 {
            ticks.tick().await;
            door.attempt(|| {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(3)).map(Ok)
            });
            door.settle().await;
        }
        assert_eq!(tries, 20);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_refused_for_a_reason_of_its_own_has_found_it_open() {
        let mut door = Door::new(Duration::ZERO, LIMIT);
        let own = || Err(Failure::connection("the password is wrong").of_our_own());
        for _ in 0..5 {
            assert_eq!(tick(&mut door, own()).await, None);
            assert!(door.is_refused());
        }
        assert_eq!(tick(&mut door, Ok(())).await, None);
        assert!(!door.is_refused());
        tick(&mut door, own()).await;
        for _ in 0..2 {
            tick(&mut door, refused()).await;
        }
        assert!(door.shut().is_some(), "what others meet counts all the same");
    }

    #[tokio::test(start_paused = true)]
    async fn one_failure_is_tolerated_and_looked_into_at_once() {
        let mut door = Door::new(Duration::ZERO, LIMIT);
        assert_eq!(tick(&mut door, refused()).await, None);
        assert_eq!(tick(&mut door, Ok(())).await, None);
        assert_eq!(tick(&mut door, refused()).await, None, "the count begins anew");
        let shut = tick(&mut door, refused()).await.unwrap();
        assert_eq!((shut.state, &*shut.reason), (State::Down, "refused"));
        assert_eq!(
            tick(&mut door, Ok(())).await,
            None,
            "one that is answered opens it"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_that_hangs_shuts_it_and_is_the_only_one() {
        let mut door = Door::new(Duration::ZERO, LIMIT);
        let mut tries = 0;
        let mut shut = Vec::new();
        for _ in 0..5 {
            door.attempt(|| {
                tries += 1;
                pending()
            });
            advance(Duration::from_secs(1)).await;
            shut.push(door.shut().is_some());
        }
        assert_eq!((tries, shut), (1, vec![false, true, true, true, true]));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_never_opened_says_nothing() {
        let mut door = Door::unproven(Duration::ZERO, LIMIT);
        assert!(!door.is_of_no_use());
        assert_eq!(tick(&mut door, refused()).await, None);
        assert_eq!(tick(&mut door, refused()).await, None);
        assert!(door.is_of_no_use());
        let mut door = Door::unproven(Duration::ZERO, LIMIT);
        assert_eq!(tick(&mut door, Ok(())).await, None);
        assert_eq!(tick(&mut door, refused()).await, None);
        assert!(tick(&mut door, refused()).await.is_some() && !door.is_of_no_use());
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_answer_opens_it() {
        let mut door = Door::new(Duration::ZERO, LIMIT);
        door.attempt(|| async {
            tokio::time::sleep(LIMIT * 2).await;
            Ok(())
        });
        door.settle().await;
        assert!(door.shut().is_some());
        advance(LIMIT * 2).await;
        tokio::task::yield_now().await;
        assert_eq!(door.shut(), None);
    }
}
