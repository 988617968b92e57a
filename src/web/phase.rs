//! What a connection is doing and since when.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
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
/// A request's body is awaited, which has its own deadline; since when the request began.
const BODY: u8 = 4;
/// All is said; what the client still sends is read so that it sees the answer.
const FAREWELL: u8 = 5;

/// Shared by the stream, the handlers and the accept loop, all on one thread: atomics only make it `Sync`.
#[derive(Debug)]
pub(super) struct Activity {
    born: Instant,
    phase: AtomicU8,
    /// When the phase began, in microseconds from `born`.
    since: AtomicU64,
    /// Whether the client may be sending what nobody reads.
    cut_short: AtomicBool,
    /// Whether requests run beside each other, as in HTTP/2.
    multiplexed: AtomicBool,
    /// Answers in the making.
    making: AtomicUsize,
    /// Answers that are made and not yet taken; counted when multiplexed.
    sending: AtomicUsize,
}

/// An answer on its way, until it is taken or given up.
#[derive(Debug)]
pub(super) struct Sending(Arc<Activity>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.sending.fetch_sub(1, Relaxed);
        self.0.settle();
    }
}

impl Activity {
    /// That of a new connection, which is to send a request at once.
    pub(super) fn new() -> Self {
        Self {
            born: Instant::now(),
            phase: AtomicU8::new(HEAD),
            since: AtomicU64::new(0),
            cut_short: AtomicBool::new(false),
            multiplexed: AtomicBool::new(false),
            making: AtomicUsize::new(0),
            sending: AtomicUsize::new(0),
        }
    }

    /// The handshake is done: the time for the first request begins.
    pub(super) fn begin(&self) {
        self.enter(HEAD);
    }

    /// Requests run beside each other from here on. Bytes that come in between are as a rule no request's.
    pub(super) fn multiplex(&self) {
        self.multiplexed.store(true, Relaxed);
    }

    /// Bytes came in.
    pub(super) fn read(&self) {
        if self.phase.load(Relaxed) == IDLE && !self.multiplexed.load(Relaxed) {
            self.enter(HEAD);
        }
    }

    /// A request's head is complete: there is an answer to make.
    pub(super) fn asked(&self) {
        self.making.fetch_add(1, Relaxed);
    }

    /// A head is complete, and a body follows. Where others are beside it, the connection waits for none of them.
    pub(super) fn awaiting_body(&self) {
        let phase = if self.multiplexed.load(Relaxed) {
            SERVING
        } else {
            BODY
        };
        self.phase.store(phase, Relaxed);
    }

    /// The rest of a request is not read. Where there are others beside it, that is said of it alone.
    pub(super) fn cut_short(&self) {
        self.cut_short.store(!self.multiplexed.load(Relaxed), Relaxed);
    }

    /// The connection ends. Whether the client may be in the middle of a request.
    pub(super) fn ending(&self) -> bool {
        let unfinished = self.cut_short.load(Relaxed) || matches!(self.phase.load(Relaxed), HEAD | BODY);
        self.enter(FAREWELL);
        unfinished
    }

    /// A request is complete.
    pub(super) fn serving(&self) {
        self.phase.store(SERVING, Relaxed);
    }

    /// An answer is made, or given up.
    pub(super) fn answered(&self) {
        self.making.fetch_sub(1, Relaxed);
        self.settle();
    }

    /// An answer with a body is made, that is to be held until it is taken; where one write follows another there is
    /// none.
    pub(super) fn sending(self: &Arc<Self>) -> Option<Sending> {
        self.multiplexed.load(Relaxed).then(|| {
            self.sending.fetch_add(1, Relaxed);
            Sending(Arc::clone(self))
        })
    }

    /// What it does now that an answer is made or taken.
    fn settle(&self) {
        if self.making.load(Relaxed) > 0 {
            self.phase.store(SERVING, Relaxed);
        } else if self.sending.load(Relaxed) > 0 {
            self.enter(BLOCKED);
        } else {
            self.enter(IDLE);
        }
    }

    /// Bytes of an answer were to leave. The bound is on the whole answer, so its beginning stays.
    pub(super) fn wrote(&self, done: bool) {
        if self.multiplexed.load(Relaxed) {
            return;
        }
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
            FAREWELL => self.since() + limits.farewell,
            _ => Instant::now() + limits.idle,
        }
    }

    /// How little it would be missed, the least first, and since when it waits for its client: those that are to ask
    /// before those that are to take an answer. `None` while an answer is made.
    pub(super) fn waiting_since(&self) -> Option<(u8, Instant)> {
        let rank = match self.phase.load(Relaxed) {
            IDLE | HEAD | BODY | FAREWELL => 0,
            BLOCKED => 1,
            _ => return None,
        };
        Some((rank, self.since()))
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
