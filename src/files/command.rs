//! Programs that write a password, such as a cloud's token: run where nobody waits for them, and not more often than needed.
//!
//! What is known of a command line is in one of three states. *Nothing*: whoever asks waits, within bounds, for its first
//! run. *Good*: a password that is younger than its ttl; from three quarters of that on it is renewed in the background while the old one
//! is used. *Failed*: the last run yielded nothing; until its ttl is over the last password is used all the same, and another
//! run begins some seconds later, then after twice that time, at most a minute. A few threads run what is queued, and end when nothing is.
//!
//! Those that hang keep the others waiting for little: whose last run failed is [second](queue), and who is at it for long while a
//! first one waits has to leave, and is second from then on.

mod queue;
mod run;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use queue::{Line, MOST, Queue, Turn};
use run::Password;

/// Those who wait for a first run at the same time: each takes a thread of its runtime's for work that blocks, and these are for others
/// as well.
const MOST_WAITING: usize = 64;

/// How long programs that are ended together may take.
const FAREWELL: Duration = Duration::from_secs(2);

/// Runs programs, and remembers what they wrote; clones share it.
#[derive(Clone, Default)]
pub struct Commands(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    times: Times,
}

/// How long is waited for what.
#[derive(Clone, Copy)]
struct Times {
    /// What a run may take.
    deadline: Duration,
    /// What one may take that others wait for: more than any token takes.
    haste: Duration,
    /// Between a failed run and the next.
    rest: Duration,
    /// The same after many.
    longest_rest: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            haste: Duration::from_secs(5),
            rest: Duration::from_secs(5),
            longest_rest: Duration::from_secs(60),
        }
    }
}

impl Times {
    /// The rest after so many failures in a row.
    fn rest_after(&self, failures: u32) -> Duration {
        let doubled = self.rest.saturating_mul(1 << failures.saturating_sub(1).min(20));
        doubled.min(self.longest_rest)
    }
}

#[derive(Default)]
struct State {
    known: HashMap<Line, Known>,
    queue: Queue,
    threads: usize,
    waiting: usize,
    /// Nothing is run any more.
    has_ended: bool,
}

/// What is known of one.
#[derive(Default)]
struct Known {
    ttl: Duration,
    /// The last password, and when its run began.
    good: Option<(Password, Instant)>,
    /// Why the last run failed, and when.
    failed: Option<(String, Instant)>,
    /// How many runs failed since the last good one.
    failures: u32,
    /// Whether a run is queued, or on.
    is_pending: bool,
}

impl Known {
    fn age(&self) -> Option<Duration> {
        self.good.as_ref().map(|(_, began)| began.elapsed())
    }

    /// The password, while it is good.
    fn password(&self) -> Option<Password> {
        let is_good = self.age().is_some_and(|age| age < self.ttl);
        self.good
            .as_ref()
            .filter(|_| is_good)
            .map(|(password, _)| password.clone())
    }

    fn is_to_be_renewed(&self, times: &Times) -> bool {
        let is_old = self.age().is_none_or(|age| age >= self.ttl.mul_f64(0.75));
        let rest = times.rest_after(self.failures);
        let rests = self.failed.as_ref().is_some_and(|(_, at)| at.elapsed() < rest);
        is_old && !rests && !self.is_pending
    }

    /// Whether nobody will ask for it again: its target is gone.
    fn is_forgotten(&self) -> bool {
        let is_old = |at: Instant| at.elapsed() > self.ttl.saturating_mul(2) + Duration::from_secs(600);
        let last = self
            .good
            .as_ref()
            .map(|(_, at)| *at)
            .max(self.failed.as_ref().map(|(_, at)| *at));
        !self.is_pending && last.is_some_and(is_old)
    }

    /// What came of a run.
    fn ran(&mut self, outcome: Result<Password, String>, began: Instant) {
        self.is_pending = false;
        match outcome {
            Ok(password) => {
                self.good = Some((password, began));
                (self.failed, self.failures) = (None, 0);
            }
            Err(reason) => {
                let has_one = if self.password().is_some() {
                    "; the last one is used until its ttl is over"
                } else {
                    ""
                };
                tracing::warn!("{reason}{has_one}");
                self.failed = Some((reason, Instant::now()));
                self.failures = self.failures.saturating_add(1);
            }
        }
    }

    /// What there is to say without waiting; `None` while there is hope.
    fn answer(&self) -> Option<Result<Password, String>> {
        if let Some(password) = self.password() {
            return Some(Ok(password));
        }
        match (&self.failed, &self.good) {
            // Another run may be on, or wait for its turn: nobody is kept waiting by what failed before.
            (Some((reason, _)), _) => Some(Err(reason.clone())),
            _ if self.is_pending => None,
            // A ttl that is shorter than a run: nothing fresher is to be had.
            (None, Some((password, _))) => Some(Ok(password.clone())),
            (None, None) => Some(Err("the password command was not run".to_owned())),
        }
    }
}

impl Commands {
    fn with(times: Times) -> Self {
        Self(Arc::new(Shared {
            times,
            ..Shared::default()
        }))
    }

    /// Others, that leave each program its whole time whoever waits.
    pub(super) fn patient() -> Self {
        let times = Times::default();
        Self::with(Times {
            haste: times.deadline,
            ..times
        })
    }

    /// The password that the program writes, or wrote within `ttl`. Blocks the thread for `patience` at most, and not at all where the
    /// last run failed.
    ///
    /// # Errors
    /// Why there is none, without anything that the program wrote.
    pub fn password(&self, line: &[String], ttl: Duration, patience: Duration) -> Result<Password, String> {
        let until = Instant::now() + patience;
        let mut state = self.state();
        self.renew(&mut state, line, ttl);
        loop {
            let Some(known) = state.known.get(line) else {
                return Err("the password command was forgotten".to_owned());
            };
            if let Some(answer) = known.answer() {
                return answer;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(format!(
                    "the password command has not answered within {patience:.1?}"
                ));
            }
            if state.has_ended || state.waiting >= MOST_WAITING {
                return Err("the password command has not answered yet".to_owned());
            }
            state.waiting += 1;
            let waited = self.0.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
    }

    /// Queues a run, if it is time for one.
    fn renew(&self, state: &mut State, line: &[String], ttl: Duration) {
        let known = state.known.entry(line.to_vec()).or_default();
        known.ttl = ttl;
        if !known.is_to_be_renewed(&self.0.times) || state.has_ended {
            return;
        }
        known.is_pending = true;
        let has_failed = known.failed.is_some();
        state.queue.push(line.to_vec(), has_failed);
        state.known.retain(|_, known| !known.is_forgotten());
        self.begin(state);
    }

    /// Ends what runs and whatever it started. Nothing runs after that.
    pub fn end(&self) {
        let until = Instant::now() + FAREWELL;
        let mut state = self.state();
        state.has_ended = true;
        state.queue.clear();
        while state.threads > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.0.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another thread, where there are few.
    fn begin(&self, state: &mut State) {
        if state.threads >= MOST {
            return;
        }
        let commands = self.clone();
        let thread = thread::Builder::new().name("password".to_owned());
        if thread.spawn(move || commands.work()).is_ok() {
            state.threads += 1;
        }
    }

    /// Runs what is queued.
    fn work(&self) {
        let mut state = self.state();
        while let Some(turn) = state.queue.next() {
            drop(state);
            let began = Instant::now();
            let outcome = run::run(&turn.line, |time| self.has_to_end(&turn, time));
            state = self.state();
            state.queue.over(&turn);
            state.known.entry(turn.line).or_default().ran(outcome, began);
            self.0.changed.notify_all();
        }
        state.threads -= 1;
        self.0.changed.notify_all();
    }

    /// Why a program that has run for that long may not go on.
    fn has_to_end(&self, turn: &Turn, time: Duration) -> Option<String> {
        let Times { deadline, haste, .. } = self.0.times;
        if time >= deadline {
            return Some(format!("did not end within {deadline:?}"));
        }
        let state = self.state();
        if state.has_ended {
            return Some("was ended with the exporter".to_owned());
        }
        let is_in_the_way = time >= haste && !turn.is_second && state.queue.has_first();
        is_in_the_way.then(|| format!("did not end within {haste:?}, and others wait"))
    }
}

impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Commands")
    }
}

#[cfg(test)]
mod tests;
