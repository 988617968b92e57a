//! What a health path says of a snapshot: the rules alone, without HTTP.

use std::borrow::Cow;

use super::lag;
use super::snapshot::{Snapshot, State};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Does the target answer?
    Up,
    /// Should it get traffic? As `Up`, and not too far behind.
    Readiness,
    /// Does the exporter itself work?
    Liveness,
    /// Is it a primary?
    Primary,
    /// Is it a replica, and not too far behind?
    Replica,
    /// Can it be read from: either role, and not too far behind?
    Read,
}

/// Every path and what it asks.
pub const PATHS: [(&str, Question); 15] = [
    ("/up", Question::Up),
    ("/health", Question::Up),
    ("/readiness", Question::Readiness),
    ("/liveness", Question::Liveness),
    ("/primary", Question::Primary),
    ("/leader", Question::Primary),
    ("/master", Question::Primary),
    ("/read-write", Question::Primary),
    ("/rw", Question::Primary),
    ("/replica", Question::Replica),
    ("/standby", Question::Replica),
    ("/slave", Question::Replica),
    ("/read-only", Question::Replica),
    ("/ro", Question::Replica),
    ("/read", Question::Read),
];

/// The answer in a word, which HTTP says by its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// 200.
    Yes,
    /// 404: it is up, and of the other role.
    OtherRole,
    /// 503.
    No,
    /// 400: the question cannot be read.
    Malformed,
}

impl Question {
    /// The answer and its text. The query may hold lag rules (`lag=10s`); `is_alive` tells whether the probe runs.
    #[must_use]
    pub fn answer(
        self,
        snapshot: &Snapshot,
        is_alive: impl FnOnce() -> bool,
        query: &str,
    ) -> (Verdict, Cow<'static, str>) {
        let state = snapshot.state;
        if self.minds_lag() {
            match lag::judge(query, state, &snapshot.lag) {
                Err(malformed) => return (Verdict::Malformed, format!("{malformed}\n").into()),
                Ok(Some(behind)) => return (Verdict::No, format!("{}: {behind}", state.word()).into()),
                Ok(None) => {}
            }
        }
        (self.verdict(state, is_alive), state.word().into())
    }

    fn verdict(self, state: State, is_alive: impl FnOnce() -> bool) -> Verdict {
        let either = |is_it| if is_it { Verdict::Yes } else { Verdict::No };
        let role = |is_it| match state.is_up() {
            true if is_it => Verdict::Yes,
            true => Verdict::OtherRole,
            false => Verdict::No,
        };
        match self {
            Self::Up | Self::Readiness | Self::Read => either(state.is_up()),
            Self::Liveness => either(is_alive()),
            Self::Primary => role(state == State::Primary),
            Self::Replica => role(state == State::Replica),
        }
    }

    fn minds_lag(self) -> bool {
        matches!(self, Self::Readiness | Self::Replica | Self::Read)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Verdict::{Malformed, No, OtherRole, Yes};
    use super::*;
    use crate::health::Lag;

    fn snapshot(state: State) -> Snapshot {
        Snapshot {
            state,
            lag: Lag {
                time: Some(Duration::from_secs(5)),
                ..Lag::default()
            },
            at: Instant::now(),
            took: Duration::ZERO,
            reason: None,
        }
    }

    #[test]
    fn every_question_of_every_state() {
        let states = [
            State::Primary,
            State::Replica,
            State::Starting,
            State::Down,
            State::Unknown,
        ];
        let table = [
            (Question::Up, [Yes, Yes, No, No, No]),
            (Question::Readiness, [Yes, Yes, No, No, No]),
            (Question::Liveness, [Yes, Yes, Yes, Yes, Yes]),
            (Question::Primary, [Yes, OtherRole, No, No, No]),
            (Question::Replica, [OtherRole, Yes, No, No, No]),
            (Question::Read, [Yes, Yes, No, No, No]),
        ];
        for (question, expected) in table {
            for (state, expected) in states.into_iter().zip(expected) {
                let (verdict, body) = question.answer(&snapshot(state), || true, "");
                assert_eq!(
                    (verdict, &*body),
                    (expected, state.word()),
                    "{question:?} {state:?}"
                );
            }
        }
        let (verdict, _) = Question::Liveness.answer(&snapshot(State::Primary), || false, "");
        assert_eq!(verdict, No);
    }

    #[test]
    fn lag_counts_for_who_reads() {
        let ask = |question: Question, query| question.answer(&snapshot(State::Replica), || true, query);
        for question in [Question::Readiness, Question::Replica, Question::Read] {
            assert_eq!(ask(question, "lag=10s").0, Yes);
            let (verdict, body) = ask(question, "lag=1s");
            assert_eq!(
                (verdict, &*body),
                (No, "replica: replay is 5.000 s behind, allowed is 1 s")
            );
            assert_eq!(ask(question, "lag=soon").0, Malformed);
        }
        for question in [Question::Up, Question::Liveness, Question::Primary] {
            assert_ne!(ask(question, "lag=soon").0, Malformed, "{question:?}");
        }
    }
}
