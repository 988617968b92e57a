//! What is known of the line to a server: some swallow what is long.
//!
//! Behind a tunnel whose messages about sizes are filtered, small packets pass and large ones are lost without a word (a black hole
//! of path MTU discovery, RFC 2923). Everything connects, and nothing is answered. After it has healed, both systems repeat what was
//! lost after longer and longer pauses: what hangs in it hangs on.
//!
//! A line is *sound* until a server is silent, then *suspect* for [`SUSPECT`] after the last silence. A connection that is opened
//! meanwhile asks for small segments, in both directions, which pass. A sound line has large ones.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For how long a line is suspect after a silence.
const SUSPECT: Duration = Duration::from_secs(600);

/// What a segment may carry, in bytes, TCP's options included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::postgres) enum Segments {
    /// As the route to the server allows.
    Any,
    /// A packet is at most of the size that every host must take: 576 bytes (RFC 791, RFC 9293 3.7.1).
    Safe,
    /// Half of that, for a line with more headers than usual.
    Small,
}

impl Segments {
    /// What is announced to the other end; `None` leaves it to the system.
    pub(in crate::postgres) fn bytes(self) -> Option<u32> {
        match self {
            Self::Any => None,
            Self::Safe => Some(536),
            Self::Small => Some(216),
        }
    }
}

/// The line to the servers of one target, shared by all that connect to them.
#[derive(Clone, Debug, Default)]
pub(in crate::postgres) struct Line(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    last_silence: Option<Instant>,
    /// When the last connection with segments that pass was begun that was let in, and to which database.
    let_in: Option<(Instant, String)>,
}

impl Line {
    /// A server did not answer.
    pub(in crate::postgres) fn was_silent(&self) {
        self.state().last_silence = Some(Instant::now());
    }

    /// What a connection is to ask for that is opened now.
    pub(in crate::postgres) fn segments(&self) -> Segments {
        match self.state().last_silence {
            Some(silence) if silence.elapsed() < SUSPECT => Segments::Small,
            _ => Segments::Any,
        }
    }

    /// A connection to that database, begun then, was let in.
    pub(in crate::postgres) fn let_in(&self, begun: Instant, database: &str, segments: Segments) {
        if segments != Segments::Any {
            self.state().let_in = Some((begun, database.to_owned()));
        }
    }

    /// Whether a connect hangs in the line and not in the server: one of large segments that was begun then, while another, which was
    /// begun later, was let into the same database.
    pub(in crate::postgres) fn swallows(&self, begun: Instant, database: &str, segments: Segments) -> bool {
        let state = self.state();
        let is_overtaken = state.let_in.as_ref();
        segments == Segments::Any
            && is_overtaken.is_some_and(|(later, where_to)| begun < *later && where_to == database)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_small_after_a_silence() {
        let line = Line::default();
        assert_eq!(line.segments(), Segments::Any);
        line.was_silent();
        assert_eq!(line.segments(), Segments::Small);
        line.state().last_silence = Instant::now().checked_sub(SUSPECT);
        assert_eq!(line.segments(), Segments::Any);
    }

    #[test]
    fn what_was_overtaken_hangs_in_the_line() {
        let line = Line::default();
        let (before, now) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        assert!(!line.swallows(before, "a", Segments::Any));
        line.let_in(now, "a", Segments::Any);
        assert!(
            !line.swallows(before, "a", Segments::Any),
            "that one proves nothing"
        );
        line.let_in(now, "a", Segments::Safe);
        assert!(line.swallows(before, "a", Segments::Any));
        assert!(
            !line.swallows(before, "b", Segments::Any),
            "another database may hang by itself"
        );
        assert!(
            !line.swallows(before, "a", Segments::Small),
            "that would have passed"
        );
        assert!(!line.swallows(now, "a", Segments::Any));
    }
}
