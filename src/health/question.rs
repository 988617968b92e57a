//! What the probe asks over its session: the role, and on a standby how far replay is.
//!
//! The role is one function that every server has and nobody is denied. Everything about replay is asked beside it, each
//! part by a statement of its own in the same round trip. A part that is refused is *held back* for [`HELD_BACK`] or until
//! the session is replaced: repeating it each second would only fill the server's log. One that fails in a way that nobody knows is
//! held back for [`ODD`].
//!
//! A part that hangs does not keep the role: it is *silent*. If the server does not end it in time, its session is given up. It
//! is not asked for for a while, which is longer each time, over other sessions neither.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::replay::{Receiver, Replay, position};
use super::snapshot::{Lag, State};
use crate::postgres::deadline::{TooLate, Traffic};
use crate::postgres::failure::{Failure, Reason};
use crate::postgres::optional_rows::{OneRow, Rows};
use crate::postgres::session::{Gone, Session, StatementKey};

/// For how long a part that was refused is not asked for.
const HELD_BACK: Duration = Duration::from_secs(300);

/// The same of a part that fails for no reason that says how long: a service may raise whatever it likes.
const ODD: Duration = Duration::from_secs(15);

/// For how long the parts are waited for once the role is there, where the limit is not shorter.
const REST: Duration = Duration::from_secs(1);

/// And what the server may take to say that it has cancelled one at the limit.
const LAST_WORD: Duration = Duration::from_millis(250);

/// For how long a part that hung is not asked for the first time, and at the most.
const SILENT: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(60)];

/// For how long it is not, at the most, while the server is still at it.
const STUCK: Duration = Duration::from_secs(600);

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

/// What is known of the server from the questions before.
#[derive(Debug, Default)]
pub(super) struct Question {
    was_in_recovery: bool,
    held_back: Vec<(Part, Instant)>,
    silent: Vec<Silent>,
    /// Whether the session was left with a part that it had not answered.
    is_unfinished: bool,
}

/// A part that hung.
#[derive(Debug)]
struct Silent {
    part: Part,
    since: Instant,
    /// How often in a row.
    times: u32,
    /// Of the session that was left at it.
    gone: Option<Gone>,
}

impl Question {
    /// The session was replaced: what it was refused may be allowed by now.
    pub(super) fn begin(&mut self) {
        self.held_back.clear();
        self.is_unfinished = false;
    }

    /// Whether the session is at a part still, and is to be given up.
    pub(super) fn is_unfinished(&self) -> bool {
        self.is_unfinished
    }

    /// Asks a PostgreSQL server: ready with the role, and a little later with what has come of the rest by then.
    ///
    /// # Errors
    /// When the role is not told within the limit. Nothing else is one.
    pub(super) async fn ask(
        &mut self,
        session: &mut Session,
        limit: Duration,
        traffic: &Traffic,
    ) -> Result<(State, Lag), Failure> {
        let version = session.version();
        let parts = if self.was_in_recovery {
            self.parts(version)
        } else {
            Vec::new()
        };
        let mut asked = vec![ROLE];
        asked.extend(parts.iter().map(|part| (part.key(), part.sql(version))));
        let mut rows = answers(session, &asked, limit, traffic).await?.into_iter();
        let unreadable = || Failure::new(Reason::Other, "the server does not tell its role");
        let role = rows.next().flatten().ok_or_else(unreadable)??;
        let in_recovery = role.truth(0).ok_or_else(unreadable)?;
        if !in_recovery {
            self.was_in_recovery = false;
            return Ok((State::Primary, Lag::NONE));
        }
        if !self.was_in_recovery {
            // The first time, or since it was demoted: now it is known what to ask for.
            self.was_in_recovery = true;
            return Box::pin(self.ask(session, limit, traffic)).await;
        }
        let replay = self.replay(parts.into_iter().zip(rows), session);
        Ok((State::Replica, replay.lag()))
    }

    /// What is told of replay.
    fn replay(
        &mut self,
        rows: impl Iterator<Item = (Part, Option<Result<OneRow, Failure>>)>,
        session: &Session,
    ) -> Replay {
        let mut replay = Replay::default();
        let mut has_hung = false;
        for (part, row) in rows {
            match row {
                Some(Ok(row)) => {
                    self.silent.retain(|silent| silent.part != part);
                    fill(&mut replay, part, &row);
                }
                // The server has cancelled it, and goes on.
                Some(Err(failure)) if failure.reason == Reason::Timeout => {
                    has_hung = true;
                    self.hung(part, None);
                }
                Some(Err(failure)) => self.refused(part, &failure),
                // Those behind one that hung have had no chance.
                None => {
                    if !has_hung {
                        self.hung(part, Some(session.gone()));
                    }
                    self.is_unfinished = true;
                    break;
                }
            }
        }
        replay
    }

    fn parts(&mut self, version: u32) -> Vec<Part> {
        let now = Instant::now();
        self.held_back.retain(|(_, until)| now < *until);
        let is_asked = |part: &Part| {
            let exists = *part != Part::Receiver || version >= HAS_RECEIVER;
            let is_held_back = self.held_back.iter().any(|(held, _)| held == part);
            let hangs = |silent: &Silent| silent.part == *part && silent.is_held_back();
            exists && !is_held_back && !self.silent.iter().any(hangs)
        };
        Part::ALL.into_iter().filter(is_asked).collect()
    }

    fn hung(&mut self, part: Part, gone: Option<Gone>) {
        tracing::debug!(?part, "not told of replay: no answer in time");
        let known = self.silent.iter().find(|silent| silent.part == part);
        let times = known.map_or(0, |silent| silent.times.saturating_add(1));
        self.silent.retain(|silent| silent.part != part);
        self.silent.push(Silent {
            part,
            since: Instant::now(),
            times,
            gone,
        });
    }

    fn refused(&mut self, part: Part, failure: &Failure) {
        tracing::debug!(?part, "not told of replay: {failure}");
        if let Some(time) = holds_back(failure) {
            self.held_back.push((part, Instant::now() + time));
        }
    }
}

impl Silent {
    fn is_held_back(&self) -> bool {
        let [first, longest] = SILENT;
        let pause = first.saturating_mul(1 << self.times.min(10)).min(longest);
        let is_stuck = self.gone.as_ref().is_some_and(|gone| !gone.is_gone());
        self.since.elapsed() < if is_stuck { STUCK } else { pause }
    }
}

/// What comes of what is asked: of the first within the limit, of the rest soon after that.
async fn answers(
    session: &mut Session,
    asked: &[(StatementKey, &str)],
    limit: Duration,
    traffic: &Traffic,
) -> Result<Vec<Option<Result<OneRow, Failure>>>, Failure> {
    let rows = Rows::of(asked.len());
    let end = {
        let mut asking = pin!(session.optional_rows(asked, limit, &rows));
        let first = poll_fn(|context| match asking.as_mut().poll(context) {
            Poll::Ready(end) => Poll::Ready(Some(end)),
            Poll::Pending if rows.has(0) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        match traffic.outlast(limit, first).await {
            Ok(Some(end)) => end,
            Ok(None) => {
                let rest = traffic.outlast(limit.min(REST) + LAST_WORD, asking).await;
                rest.unwrap_or(Ok(()))
            }
            Err(TooLate) => Err(Failure::timeout("the probe was not answered in time")),
        }
    };
    end.map(|()| rows.into_answers())
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
