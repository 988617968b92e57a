//! Whether the server lets new clients in: an old session may go on answering from memory while nobody else can connect.
//!
//! A door is tried again and again, one try at a time. A try is *due* after the interval, or at once after one that failed;
//! then *under way*; *overdue* once it has taken longer than a client would wait. The door is shut while a try is overdue,
//! or when as many as are tolerated have failed in a row. One that is answered opens it. One for which there was no place changes
//! nothing.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, TryFutureExt as _};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::snapshot::State;
use super::told::{News, Told};
use crate::postgres::deadline::within;
use crate::postgres::failure::{Failure, Reason};

/// The next try is due after that part of the interval: who asks at each tick would otherwise pass over one after the other.
const PART: f64 = 0.9;

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
    /// The same where the last one that got in took long, too.
    most: Duration,
    /// What tries may take together, from the beginning of the first that failed.
    together: Duration,
    /// What the last that got in took.
    took: Duration,
    /// When the first of those that failed in a row began.
    failing_since: Option<Instant>,
    /// What the way to the server adds just now.
    delay: Duration,
    phase: Phase,
    failures: u32,
    last: Option<Shut>,
    /// When somebody was let in last.
    opened: Option<Instant>,
    /// Whether that was our own try.
    is_own: bool,
    /// Whether the next try is wanted at once.
    is_hurried: bool,
    /// What is known of whether a try can be answered.
    answers: Answers,
    /// Whether the last try was refused for a reason that concerns us alone.
    is_refused: bool,
    /// Whether the server had no place for the last try.
    is_full: bool,
    told: Told,
}

/// Whether tries can be answered: of some nobody knows whether the server understands them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answers {
    /// One was.
    Have,
    /// One was, over another session to the same place.
    Had,
    /// Not yet.
    Unknown,
    /// They cannot: one was understood by nobody.
    Never,
}

#[derive(Debug)]
enum Phase {
    Idle {
        due: Instant,
    },
    UnderWay {
        since: Instant,
        /// With when it ended.
        task: JoinHandle<(Instant, Result<Instant, Failure>)>,
    },
}

impl Door {
    /// A door that was open just now.
    pub(super) fn new(every: Duration, limit: Duration) -> Self {
        Self {
            every,
            limit,
            most: limit,
            together: Duration::MAX,
            took: Duration::ZERO,
            failing_since: None,
            delay: Duration::ZERO,
            phase: Phase::Idle {
                due: Instant::now() + every,
            },
            failures: 0,
            last: None,
            opened: None,
            is_own: false,
            is_hurried: false,
            answers: Answers::Have,
            is_refused: false,
            is_full: false,
            told: Told::default(),
        }
    }

    /// One that is tried at once: a knock, of which nobody knows whether it is understood, unless one was answered at this place
    /// over the session before.
    pub(super) fn of_knocks(every: Duration, limit: Duration, was_answered: bool) -> Self {
        let mut door = Self::new(every, limit);
        door.answers = match was_answered {
            true => Answers::Had,
            false => Answers::Unknown,
        };
        door.hurry();
        door
    }

    /// The same, which is shut when tries have failed for so long together, whether that is once or often, unless getting in
    /// takes that long.
    pub(super) fn together(mut self, together: Duration, took: Duration) -> Self {
        self.limit = self.limit.min(together);
        (self.together, self.took) = (together, took);
        self
    }

    /// Whether a try was answered.
    pub(super) fn has_answered(&self) -> bool {
        self.answers == Answers::Have
    }

    /// For how long another's answer may stand for the next try: it is tried again when that is due again. Where one has failed, or is
    /// wanted at once, only its own tells.
    pub(super) fn fresh(&self) -> Duration {
        match self.is_hurried || self.failures > 0 {
            true => Duration::ZERO,
            false => self.every.mul_f64(PART),
        }
    }

    /// Whether trying is of no use: what was tried first is not understood.
    pub(super) fn is_of_no_use(&self) -> bool {
        self.answers == Answers::Never
    }

    /// Whether it fails, or nobody answers, and it may be that nobody understands it.
    pub(super) fn is_in_doubt(&self) -> bool {
        !self.has_answered() && (self.failures > 0 || self.is_overdue())
    }

    /// The next try is due now, unless one is under way.
    pub(super) fn hurry(&mut self) {
        if let Phase::Idle { due } = &mut self.phase {
            *due = Instant::now();
            self.is_hurried = true;
        }
    }

    /// From the next try on it is tried so often.
    pub(super) fn try_each(&mut self, every: Duration) {
        self.every = every;
        self.hurry();
    }

    /// Whether it lets others in, but not us: a password, a rule, a limit.
    pub(super) fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// Whether the server has no place left, for all that is known.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// How long ago somebody was let in last, and has got in.
    pub(super) fn since_opened(&mut self) -> Option<Duration> {
        self.look();
        self.opened.map(|opened| opened.elapsed())
    }

    /// The same, by a try of our own.
    pub(super) fn since_let_in(&mut self) -> Option<Duration> {
        self.since_opened().filter(|_| self.is_own)
    }

    /// The way to the server takes so long just now, by what was asked over it last.
    pub(super) fn delayed_by(&mut self, delay: Duration) {
        self.delay = delay;
    }

    fn limit(&self) -> Duration {
        self.limit.max(self.usual()) + self.delay
    }

    /// What a try may take where the last one took as long.
    fn usual(&self) -> Duration {
        (self.took * 2).min(self.most)
    }

    /// Begins a try, if one is due and none is under way.
    pub(super) fn attempt<F>(&mut self, attempt: impl FnOnce() -> F)
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.attempt_shared(|| attempt().map_ok(|()| Instant::now()));
    }

    /// The same with one that tells when it was answered, which may be before it began: another's answer stands for its own.
    pub(super) fn attempt_shared<F>(&mut self, attempt: impl FnOnce() -> F)
    where
        F: Future<Output = Result<Instant, Failure>> + Send + 'static,
    {
        self.look();
        let now = Instant::now();
        if matches!(self.phase, Phase::Idle { due } if now >= due) {
            let task = tokio::spawn(attempt().map(|end| (Instant::now(), end)));
            self.is_hurried = false;
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
                self.ended(since, end.unwrap_or_else(|_| broken_off()));
            }
        }
    }

    /// Takes note of a try that has ended since.
    fn look(&mut self) {
        if let Phase::UnderWay { since, task } = &mut self.phase
            && let Some(end) = task.now_or_never()
        {
            let since = *since;
            self.ended(since, end.unwrap_or_else(|_| broken_off()));
        }
    }

    /// A try ended `at` some time, which may be long ago: who asks seldom looks seldom.
    fn ended(&mut self, since: Instant, (at, end): (Instant, Result<Instant, Failure>)) {
        let was_overdue = self.is_late(since, at);
        let mut due = since + self.every.mul_f64(PART);
        let is_full = |failure: &Failure| failure.is_for_want_of_a_place() && failure.sqlstate.is_some();
        self.is_full = end.as_ref().is_err_and(is_full);
        match end {
            // Nothing is known that was not before: what was shut stays so.
            Err(failure) if failure.is_for_want_of_a_place() => {
                self.refuses(Some(&failure));
                self.failing_since = None;
                if was_overdue {
                    self.failures = TOLERATED;
                    self.last = Some(self.silent());
                }
            }
            Err(failure) if failure.is_our_own() => {
                self.refuses(Some(&failure));
                self.opens();
            }
            Ok(answered) => {
                self.refuses(None);
                self.opens();
                self.opened = Some(answered);
                self.is_own = answered >= since;
                if self.is_own {
                    self.took = at - since;
                } else {
                    due = answered + self.every.mul_f64(PART);
                }
            }
            Err(failure) => {
                // The door was shut meanwhile, and is not open for the next try.
                let failures = if was_overdue { TOLERATED } else { 1 };
                self.failing_since.get_or_insert(since);
                self.failures = self.failures.saturating_add(failures);
                // Silence tells of the server, whatever it understands.
                if self.answers == Answers::Unknown && failure.reason != Reason::Timeout {
                    self.answers = Answers::Never;
                }
                let state = if failure.is_starting() {
                    State::Starting
                } else {
                    State::Down
                };
                let reason = failure.to_string().into();
                self.last = Some(Shut { state, reason });
                due = Instant::now();
            }
        }
        self.phase = Phase::Idle { due };
    }

    fn opens(&mut self) {
        self.answers = Answers::Have;
        self.failures = 0;
        self.failing_since = None;
        self.last = None;
    }

    /// Tells what has changed.
    fn refuses(&mut self, refused: Option<&Failure>) {
        match self.told.news(refused) {
            Some(News::Refused(why)) => {
                tracing::warn!("new connections are refused, health keeps the session that it has: {why}");
            }
            Some(News::LetIn) => tracing::info!("new connections are let in again"),
            None => {}
        }
        self.is_refused = refused.is_some();
    }

    /// Why nobody is let in; none when somebody is, or it is not known yet.
    pub(super) fn shut(&mut self) -> Option<Shut> {
        self.look();
        match self.answers {
            Answers::Unknown | Answers::Never => None,
            Answers::Have | Answers::Had if self.is_overdue() => Some(self.silent()),
            Answers::Have | Answers::Had => self.last.clone().filter(|_| self.failures >= TOLERATED),
        }
    }

    /// Whether a try is under way that took too long by now.
    pub(super) fn is_overdue(&self) -> bool {
        matches!(self.phase, Phase::UnderWay { since, .. } if self.is_late(since, Instant::now()))
    }

    /// Whether a try that began then took too long by now, by itself or with those before it.
    fn is_late(&self, since: Instant, now: Instant) -> bool {
        let together = self.together.max(self.usual()).saturating_add(self.delay);
        let fails_long = |begun: Instant| now.saturating_duration_since(begun) >= together;
        now.saturating_duration_since(since) >= self.limit() || self.failing_since.is_some_and(fails_long)
    }

    fn silent(&self) -> Shut {
        Shut {
            state: State::Down,
            reason: format!("a new connection got no answer within {:.1?}", self.limit()).into(),
        }
    }
}

fn broken_off() -> (Instant, Result<Instant, Failure>) {
    let failure = Failure::connection("the try did not come to its end");
    (Instant::now(), Err(failure))
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Phase::UnderWay { task, .. } = &self.phase {
            task.abort();
        }
    }
}

#[cfg(test)]
#[path = "door_tests.rs"]
mod tests;
