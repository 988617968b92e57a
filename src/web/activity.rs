//! What a connection is doing and since when.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use super::Limits;

/// Nothing asked, or the last answer is on its way and the client takes it.
const IDLE: u8 = 0;
/// A request has begun and is not complete.
const HEAD: u8 = 1;
/// An answer is being made: its own deadline holds.
const SERVING: u8 = 2;
/// The client does not take its answer; since when it was made.
const BLOCKED: u8 = 3;

/// Shared by the stream, the handler and the accept loop, all on one thread: atomics only make it `Sync`.
#[derive(Debug)]
pub(super) struct Activity {
    born: Instant,
    phase: AtomicU8,
    /// When the phase began, in microseconds from `born`.
    since: AtomicU64,
}

impl Activity {
    /// That of a new connection, which is to send a request at once.
    pub(super) fn new() -> Self {
        Self {
            born: Instant::now(),
            phase: AtomicU8::new(HEAD),
            since: AtomicU64::new(0),
        }
    }

    /// Bytes came in.
    pub(super) fn read(&self) {
        if self.phase.load(Relaxed) == IDLE {
            self.enter(HEAD);
        }
    }

    /// A request is complete.
    pub(super) fn serving(&self) {
        self.phase.store(SERVING, Relaxed);
    }

    /// An answer is made.
    pub(super) fn answered(&self) {
        self.enter(IDLE);
    }

    /// Bytes of an answer were to leave. The bound is on the whole answer, so its beginning stays.
    pub(super) fn wrote(&self, done: bool) {
        match (self.phase.load(Relaxed), done) {
            (IDLE, false) => self.phase.store(BLOCKED, Relaxed),
            (BLOCKED, true) => self.phase.store(IDLE, Relaxed),
            _ => {}
        }
    }

    /// When the phase has lasted too long. An answer in the making is looked at again after the idle time.
    pub(super) fn due(&self, limits: &Limits) -> Instant {
        match self.phase.load(Relaxed) {
            IDLE => self.since() + limits.idle,
            HEAD => self.since() + limits.head,
            BLOCKED => self.since() + limits.write,
            _ => Instant::now() + limits.idle,
        }
    }

    /// Since when it waits for its client to ask; `None` while it answers.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        matches!(self.phase.load(Relaxed), IDLE | HEAD).then(|| self.since())
    }

    fn since(&self) -> Instant {
        self.born + Duration::from_micros(self.since.load(Relaxed))
    }

    fn enter(&self, phase: u8) {
        let micros = u64::try_from(self.born.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.since.store(micros, Relaxed);
        self.phase.store(phase, Relaxed);
    }
}
