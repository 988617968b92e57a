//! What the probe asks over its session: the role, and on a standby how far replay is.
//!
//! The role is one function that every server has and nobody is denied. Everything about replay is asked beside it, each
//! part by a statement of its own in the same round trip. A part that is refused is *held back* for [`HELD_BACK`] or until
//! the session is replaced: repeating it each second would only fill the server's log. One that fails in a way that nobody knows is
//! held back for [`ODD`].

use std::time::{Duration, Instant};

use super::replay::{Receiver, Replay, position};
use super::snapshot::{Lag, State};
use crate::postgres::failure::{Failure, Reason};
use crate::postgres::optional_rows::OneRow;
use crate::postgres::session::{Session, StatementKey};

/// For how long a part that was refused is not asked for.
const HELD_BACK: Duration = Duration::from_secs(300);

/// The same of a part that fails for no reason that says how long: a service may raise whatever it likes.
const ODD: Duration = Duration::from_secs(15);

/// The first version that tells of the WAL receiver.
const HAS_RECEIVER: u32 = 90_600;

/// The first version in which WAL is called WAL.
const SAYS_WAL: u32 = 100_000;

const ROLE: (StatementKey, &str) = (StatementKey(1), "SELECT pg_catalog.pg_is_in_recovery()");

/// A part of what is told of replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Paused,
    Receiver,
    Received,
    Replayed,
    Committed,
}

impl Part {
    /// In the order of asking: what was replayed comes behind what was received, so that a position between them is no lag.
    const ALL: [Self; 5] = [
        Self::Paused,
        Self::Receiver,
        Self::Received,
        Self::Replayed,
        Self::Committed,
    ];

    fn key(self) -> StatementKey {
        StatementKey(match self {
            Self::Paused => 2,
            Self::Receiver => 3,
            Self::Received => 4,
            Self::Replayed => 5,
            Self::Committed => 6,
        })
    }

    fn sql(self, version: u32) -> &'static str {
        match (self, version >= SAYS_WAL) {
            (Self::Paused, true) => "SELECT pg_catalog.pg_is_wal_replay_paused()",
            (Self::Paused, false) => "SELECT pg_catalog.pg_is_xlog_replay_paused()",
            (Self::Received, true) => "SELECT pg_catalog.pg_last_wal_receive_lsn()::pg_catalog.text",
            (Self::Received, false) => "SELECT pg_catalog.pg_last_xlog_receive_location()::pg_catalog.text",
            (Self::Replayed, true) => "SELECT pg_catalog.pg_last_wal_replay_lsn()::pg_catalog.text",
            (Self::Replayed, false) => "SELECT pg_catalog.pg_last_xlog_replay_location()::pg_catalog.text",
            (Self::Committed, _) => {
                "SELECT pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() \
                 OPERATOR(pg_catalog.-) pg_catalog.pg_last_xact_replay_timestamp())"
            }
            (Self::Receiver, _) => {
                "SELECT w.pid IS NOT NULL, w.latest_end_lsn::pg_catalog.text, \
                 pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) \
                 w.last_msg_receipt_time), \
                 pg_catalog.date_part('epoch', \
                 pg_catalog.current_setting('wal_receiver_timeout')::pg_catalog.interval) \
                 FROM pg_catalog.pg_stat_get_wal_receiver() w"
            }
        }
    }
}

/// What is known of the session's server from the questions before.
#[derive(Debug, Default)]
pub(super) struct Question {
    was_in_recovery: bool,
    held_back: Vec<(Part, Instant)>,
}

impl Question {
    /// Asks a PostgreSQL server. The caller bounds it.
    ///
    /// # Errors
    /// When the role is not told. Nothing else is one.
    pub(super) async fn ask(
        &mut self,
        session: &mut Session,
        limit: Duration,
    ) -> Result<(State, Lag), Failure> {
        let parts = if self.was_in_recovery {
            self.parts(session.version())
        } else {
            Vec::new()
        };
        let version = session.version();
        let mut asked = vec![ROLE];
        asked.extend(parts.iter().map(|part| (part.key(), part.sql(version))));
        let mut rows = session.optional_rows(&asked, limit).await?.into_iter();
        let unreadable = || Failure::new(Reason::Other, "the server does not tell its role");
        let role = rows.next().ok_or_else(unreadable)??;
        let in_recovery = role.truth(0).ok_or_else(unreadable)?;
        if !in_recovery {
            self.was_in_recovery = false;
            return Ok((State::Primary, Lag::NONE));
        }
        if !self.was_in_recovery {
            // The first time, or since it was demoted: now it is known what to ask for.
            self.was_in_recovery = true;
            return Box::pin(self.ask(session, limit)).await;
        }
        let mut replay = Replay::default();
        for (part, row) in parts.into_iter().zip(rows) {
            match row {
                Ok(row) => fill(&mut replay, part, &row),
                Err(failure) => self.refused(part, &failure),
            }
        }
        Ok((State::Replica, replay.lag()))
    }

    fn parts(&mut self, version: u32) -> Vec<Part> {
        let now = Instant::now();
        self.held_back.retain(|(_, until)| now < *until);
        let is_asked = |part: &Part| {
            let exists = *part != Part::Receiver || version >= HAS_RECEIVER;
            exists && !self.held_back.iter().any(|(held, _)| held == part)
        };
        Part::ALL.into_iter().filter(is_asked).collect()
    }

    fn refused(&mut self, part: Part, failure: &Failure) {
        tracing::debug!(?part, "not told of replay: {failure}");
        if let Some(time) = holds_back(failure) {
            self.held_back.push((part, Instant::now() + time));
        }
    }
}

/// For how long what failed so is not asked for; a time-out, a conflict or a full memory may be gone the next time.
fn holds_back(failure: &Failure) -> Option<Duration> {
    let code = failure.sqlstate.as_deref().unwrap_or_default();
    match code.get(..2)? {
        _ if failure.is_lasting() || code == "55000" => Some(HELD_BACK),
        "40" | "53" | "55" | "57" | "58" => None,
        _ => Some(ODD),
    }
}

fn fill(replay: &mut Replay, part: Part, row: &OneRow) {
    match part {
        Part::Paused => replay.is_paused = row.truth(0),
        Part::Received => replay.received = row.text(0).and_then(position),
        Part::Replayed => replay.replayed = row.text(0).and_then(position),
        Part::Committed => replay.since_commit = row.number(0),
        Part::Receiver => {
            replay.receiver = Some(Receiver {
                is_connected: row.truth(0).unwrap_or(false),
                reported: row.text(1).and_then(position),
                silence: row.number(2),
                timeout: row.number(3),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_not_asked_for_each_second() {
        let table = [
            ("42501", Some(HELD_BACK)),
            ("42883", Some(HELD_BACK)),
            ("0A000", Some(HELD_BACK)),
            ("55000", Some(HELD_BACK)),
            ("P0001", Some(ODD)),
            ("XX000", Some(ODD)),
            ("22023", Some(ODD)),
            ("57014", None),
            ("55P03", None),
            ("40001", None),
            ("53200", None),
        ];
        for (code, expected) in table {
            let failure = Failure {
                sqlstate: Some(code.into()),
                ..Failure::new(Reason::Other, "it is not told")
            };
            assert_eq!(holds_back(&failure), expected, "{code}");
        }
        assert_eq!(holds_back(&Failure::timeout("silent")), None);
    }
}
