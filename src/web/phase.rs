//! What a connection is doing and since when.
//!
//! Over HTTP/1 one request follows another:
//! - `Head`: a request is awaited for the first time, or has begun. The stream moves it on from `Idle` when bytes come.
//! - `Body`: its head is complete and a body follows, which has a deadline of its own. Moved by the handler.
//! - `Making`: its answer is being made, which has a deadline of its own, too. Moved by the handler.
//! - `Idle`: the answer is made, and the client takes it or has it. Moved by the handler.
//! - `Blocked`: the client does not take it. Moved by the stream, back and forth, when bytes cannot leave and when they can.
//!
//! Over HTTP/2 requests run beside each other, and `Streams` counts answers in the making. Beside it stands since when each answer
//! waits to be taken: one that is not taken in its time ends the connection, whatever else is asked meanwhile. Bytes that come in
//! between are as a rule no request's, so the stream moves nothing there.
//!
//! `Farewell`: all is said; what the client still sends is read so that it sees the answer. Moved by the stream at its end.
//!
//! Who is over its time is closed by its own task (`connection`); who waits for its client may be closed by the accept
//! loop, which needs room. All of them are on one thread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::time::Instant;

use super::limits::Limits;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Head {
        since: Instant,
    },
    Body {
        since: Instant,
    },
    /// `unread`: whether the client may be sending the rest of a request that nobody reads.
    Making {
        unread: bool,
    },
    Idle {
        since: Instant,
        unread: bool,
    },
    /// Since when the answer was made: the bound is on the whole of it.
    Blocked {
        since: Instant,
        unread: bool,
    },
    Streams {
        making: usize,
        /// When there was a first request; until then its time runs.
        asked: bool,
        since: Instant,
    },
    Farewell {
        since: Instant,
    },
}

/// The phase of one connection, shared by its stream, its handlers and the accept loop.
#[derive(Debug)]
pub(super) struct Activity {
    phase: Cell<Phase>,
    answers: Cell<u64>,
    /// Answers beside each other that are made and not taken: the number of each, and since when, the oldest first.
    untaken: RefCell<Vec<(u64, Instant)>>,
}

/// An answer on its way, until it is taken or given up.
#[derive(Debug)]
pub(super) struct Sending {
    activity: Rc<Activity>,
    number: u64,
}

impl Drop for Sending {
    fn drop(&mut self) {
        let mut untaken = self.activity.untaken.borrow_mut();
        untaken.retain(|(number, _)| *number != self.number);
        drop(untaken);
        self.activity.streams(|_| {});
    }
}

impl Activity {
    /// That of a new connection, which is to send a request at once.
    pub(super) fn new() -> Self {
        let since = Instant::now();
        Self {
            phase: Cell::new(Phase::Head { since }),
            answers: Cell::new(0),
            untaken: RefCell::default(),
        }
    }

    /// A handshake is done: the time for the first request begins, one of many at a time or not.
    pub(super) fn begin(&self, multiplexed: bool) {
        let since = Instant::now();
        self.phase.set(if multiplexed {
            Phase::Streams {
                making: 0,
                asked: false,
                since,
            }
        } else {
            Phase::Head { since }
        });
    }

    /// Bytes came in.
    pub(super) fn read(&self) {
        if let Phase::Idle { unread: false, .. } = self.phase.get() {
            let since = Instant::now();
            self.phase.set(Phase::Head { since });
        }
    }

    /// A request's head is complete: there is an answer to make.
    pub(super) fn asked(&self) {
        match self.phase.get() {
            Phase::Streams { .. } => self.streams(|making| *making += 1),
            _ => self.phase.set(Phase::Making { unread: false }),
        }
    }

    /// A head is complete, and a body follows. Where others are beside it, the connection waits for none of them.
    pub(super) fn awaiting_body(&self) {
        if let Phase::Making { .. } = self.phase.get() {
            let since = Instant::now();
            self.phase.set(Phase::Body { since });
        }
    }

    /// The rest of a request is not read. Where there are others beside it, that is said of it alone.
    pub(super) fn cut_short(&self) {
        if let Phase::Making { .. } | Phase::Body { .. } = self.phase.get() {
            self.phase.set(Phase::Making { unread: true });
        }
    }

    /// A request is complete.
    pub(super) fn serving(&self) {
        if let Phase::Body { .. } = self.phase.get() {
            self.phase.set(Phase::Making { unread: false });
        }
    }

    /// How many requests were answered so far.
    pub(super) fn answers(&self) -> u64 {
        self.answers.get()
    }

    /// An answer is made, or given up.
    pub(super) fn answered(&self) {
        self.answers.set(self.answers.get() + 1);
        let since = Instant::now();
        match self.phase.get() {
            Phase::Streams { .. } => self.streams(|making| *making = making.saturating_sub(1)),
            Phase::Making { unread } => self.phase.set(Phase::Idle { since, unread }),
            Phase::Body { .. } => self.phase.set(Phase::Idle { since, unread: true }),
            _ => {}
        }
    }

    /// An answer with a body is made, that is to be held until it is taken; where one write follows another there is
    /// none.
    pub(super) fn sending(self: &Rc<Self>) -> Option<Sending> {
        let Phase::Streams { .. } = self.phase.get() else {
            return None;
        };
        self.streams(|_| {});
        // No other answer was made since that one: `answered` comes behind it.
        let number = self.answers.get();
        self.untaken.borrow_mut().push((number, Instant::now()));
        let activity = Rc::clone(self);
        Some(Sending { activity, number })
    }

    /// Bytes of an answer were to leave.
    pub(super) fn wrote(&self, done: bool) {
        match (self.phase.get(), done) {
            (Phase::Idle { since, unread }, false) => self.phase.set(Phase::Blocked { since, unread }),
            (Phase::Blocked { since, unread }, true) => self.phase.set(Phase::Idle { since, unread }),
            _ => {}
        }
    }

    /// The connection ends. Whether the client may be in the middle of a request.
    pub(super) fn ending(&self) -> bool {
        let since = Instant::now();
        match self.phase.replace(Phase::Farewell { since }) {
            Phase::Head { .. } | Phase::Body { .. } => true,
            Phase::Making { unread } | Phase::Idle { unread, .. } | Phase::Blocked { unread, .. } => unread,
            Phase::Streams { asked, .. } => !asked,
            Phase::Farewell { .. } => false,
        }
    }

    /// Since when the answer waits that waits longest to be taken beside others.
    fn untaken_since(&self) -> Option<Instant> {
        self.untaken.borrow().first().map(|(_, since)| *since)
    }

    /// When the phase has lasted too long. An answer in the making is looked at again after the idle time.
    pub(super) fn due(&self, limits: &Limits) -> Instant {
        match self.phase.get() {
            Phase::Idle { since, .. } => since + limits.idle,
            Phase::Head { since } => since + limits.head,
            Phase::Blocked { since, .. } => since + limits.write,
            Phase::Farewell { since } => since + limits.farewell,
            Phase::Making { .. } | Phase::Body { .. } => Instant::now() + limits.idle,
            Phase::Streams { making, asked, since } => match self.untaken_since() {
                Some(untaken) => untaken + limits.write,
                None if making > 0 => Instant::now() + limits.idle,
                None if asked => since + limits.idle,
                None => since + limits.head,
            },
        }
    }

    /// How little it would be missed, the least first, and since when it waits for its client: those that are to ask
    /// before those that are to take an answer. `None` while an answer is made.
    pub(super) fn waiting_since(&self) -> Option<(u8, Instant)> {
        match self.phase.get() {
            Phase::Making { .. } | Phase::Streams { making: 1.., .. } => None,
            Phase::Blocked { since, .. } => Some((1, since)),
            Phase::Streams { since, .. } => Some(match self.untaken_since() {
                Some(untaken) => (1, untaken),
                None => (0, since),
            }),
            Phase::Idle { since, .. }
            | Phase::Head { since }
            | Phase::Body { since }
            | Phase::Farewell { since } => Some((0, since)),
        }
    }

    /// Counts answers beside each other; what they do now begins anew.
    fn streams(&self, count: impl FnOnce(&mut usize)) {
        if let Phase::Streams { mut making, .. } = self.phase.get() {
            count(&mut making);
            self.phase.set(Phase::Streams {
                making,
                asked: true,
                since: Instant::now(),
            });
        }
    }
}

#[cfg(test)]
#[path = "phase_tests.rs"]
mod tests;
