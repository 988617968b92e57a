//! The health probe: its own connections, its own task, nothing shared with scrapes but the connection information.
//!
//! A target is *up* while a kept session answers and new clients are let in, *starting* while the server says so, *down*
//! otherwise. The session is kept from turn to turn; where it is lost or too old, the next turn opens another. Beside it the door is
//! tried (`Door`): by a knock each turn, which shows a frozen postmaster, and by a whole new connection every few seconds,
//! which shows storage that hangs or fails. Who is refused for a reason of its own (a password, a limit) has been let in as
//! far as health is concerned: then the session that is kept is not given up for its age.

mod around;

use std::time::{Duration, Instant};

use super::crowd::Crowd;
use super::door::Door;
use super::question::Question;
use super::rhythm::Rhythm;
use super::snapshot::{Health, Lag, Snapshot, State};
use crate::catalog::facts::Kind;
use crate::postgres::backoff::Backoff;
use crate::postgres::connect::{Doorway, Endpoint, Knock};
use crate::postgres::deadline::within;
use crate::postgres::failure::{Failure, Reason};
use crate::postgres::session::Session;

/// For how long a write is waited for before its connection is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// For how long a knock is waited for before another takes its place.
const KNOCK_PATIENCE: Duration = Duration::from_secs(10);

/// Within how long storage that lets nobody in is to show, and two seconds less: on a busy machine ticks come late.
const SHOWS_WITHIN: Duration = Duration::from_secs(13);

/// What a whole connection may take whatever the intervals are.
const LEAST: Duration = Duration::from_secs(6);

/// The least time between two knocks.
const KNOCK_INTERVAL: Duration = Duration::from_secs(1);

/// How the probe goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// Time between two questions to the kept session.
    pub interval: Duration,
    /// Time between two new connections.
    pub connect_interval: Duration,
    /// Whether a new connection may be open beside the kept session; if not, it takes its place.
    pub has_two: bool,
    /// Whether a new connection to a primary writes a message to its WAL.
    pub writes: bool,
}

/// Probes the target at the interval until it is dropped.
pub async fn run(endpoint: Endpoint, manner: Manner, health: Health, rhythm: Rhythm) {
    let mut probe = Probe::new(endpoint.apart(), manner);
    // A refused role or database is not tried every second: each try is a line in the server's log.
    let mut refused = Backoff::default();
    let mut ticks = rhythm.ticks(manner.interval);
    loop {
        ticks.tick().await;
        health.beat();
        let began = Instant::now();
        if !refused.may_try(began) {
            continue;
        }
        let (state, lag, reason) = match probe.turn().await {
            Ok((state, lag)) => {
                refused.succeeded();
                match probe.shut() {
                    Some((state, reason)) => (state, Lag::default(), Some(reason)),
                    None => (state, lag, None),
                }
            }
            Err(failure) => {
                if failure.is_refusal() {
                    refused.failed(Instant::now());
                }
                let state = if failure.is_starting() {
                    State::Starting
                } else {
                    State::Down
                };
                (state, Lag::default(), Some(failure.to_string().into()))
            }
        };
        let at = Instant::now();
        health.publish(Snapshot {
            state,
            lag,
            at,
            took: at.saturating_duration_since(began),
            reason,
        });
    }
}

/// A kept session and what is known of its server.
struct Probe {
    endpoint: Endpoint,
    /// For new connections beside the kept session, to the same server.
    beside: Endpoint,
    manner: Manner,
    kept: Option<Kept>,
    question: Question,
    crowd: Crowd,
    /// Where a knock was answered over this session, or the one before: the next is believed there from its first knock on.
    answered: Option<Doorway>,
}

struct Kept {
    session: Session,
    since: Instant,
    knock: Option<(Knock, Door)>,
    connect: Option<Door>,
}

impl Probe {
    fn new(endpoint: Endpoint, manner: Manner) -> Self {
        Self {
            beside: endpoint.for_probe(),
            endpoint,
            manner,
            kept: None,
            question: Question::default(),
            crowd: Crowd::default(),
            answered: None,
        }
    }

    /// Asks the kept session or, if that is gone or too old, a new one; knocks meanwhile.
    async fn turn(&mut self) -> Result<(State, Lag), Failure> {
        if let Some(mut kept) = self.kept.take().filter(|kept| !kept.session.is_closed()) {
            if self.question.is_unfinished() {
                kept.session.abandon();
            } else if self.is_over(&mut kept) {
                kept.session.close().await;
            } else {
                self.knock(&mut kept);
                match self.ask(kept).await {
                    // The connection was closed behind our back; whether the target is down a new one will tell.
                    Err(failure) if failure.reason == Reason::Connection => {}
                    answer => return answer,
                }
            }
        }
        // Unlike a statement, a connect may have several hosts to try.
        let deadline = Instant::now() + self.endpoint.longest_connect();
        let begun = Instant::now();
        let session = self.endpoint.connect(deadline).await?;
        let mut kept = self.keep(session, begun.elapsed()).await?;
        // Nobody is told that it is up before somebody has knocked.
        self.knock(&mut kept);
        let answer = self.ask(kept).await?;
        self.write_over_kept(answer.0).await?;
        Ok(answer)
    }

    fn is_over(&self, kept: &mut Kept) -> bool {
        let is_due = self.makes_way(kept) && kept.since.elapsed() >= self.manner.connect_interval;
        // Just now somebody was let in: else there may be none after it, or one that knows less (that writes hang).
        let lately = 2 * self.manner.interval;
        let has_next = |door: &mut Door| door.since_opened().is_some_and(|since| since <= lately);
        let is_alone = self.endpoint.info.hosts().len() == 1;
        let is_last = is_alone && !kept.connect.as_mut().is_none_or(has_next);
        let is_refused = kept.connect.as_ref().is_some_and(Door::is_refused);
        is_due || (!is_last && !is_refused && kept.session.is_expired(Instant::now()))
    }

    /// Whether a new connection takes the place of the kept session.
    fn makes_way(&self, kept: &Kept) -> bool {
        !self.manner.has_two && is_direct(kept)
    }

    /// Writes over the session that was opened just now, where none may be open beside it.
    async fn write_over_kept(&mut self, state: State) -> Result<(), Failure> {
        let limit = self.endpoint.connect_timeout.saturating_mul(2);
        let writes = self.manner.writes && state == State::Primary;
        let Some(mut kept) = self.kept.take() else {
            return Ok(());
        };
        if !writes || !self.makes_way(&kept) {
            self.kept = Some(kept);
            return Ok(());
        }
        let writing = kept.session.write_message(PATIENCE);
        match self.endpoint.traffic().outlast(limit, writing).await {
            Ok(Ok(())) => {
                self.kept = Some(kept);
                Ok(())
            }
            // The next turn writes again.
            Ok(failed) => {
                kept.session.close().await;
                failed
            }
            Err(_) => {
                kept.session.abandon();
                Err(no_write())
            }
        }
    }

    /// What can be tried beside a session. A pooler lets clients in whatever its server does, and has no door of its own
    /// that its session would not show.
    async fn keep(&mut self, mut session: Session, took: Duration) -> Result<Kept, Failure> {
        self.question.begin();
        let limit = self.endpoint.connect_timeout;
        let has_door = session.kind() == Kind::Postgres;
        let knock = match has_door && self.endpoint.can_knock() {
            true => {
                let quiet = session.quiet_knock(limit);
                let quiet = self.endpoint.traffic().outlast(limit, quiet).await;
                quiet.unwrap_or_else(|_| Err(Failure::timeout("the probe was not answered in time")))?
            }
            false => None,
        };
        // Where there is no knock, whole connections stand in for it.
        let connect_interval = match knock {
            Some(_) => self.manner.connect_interval,
            None => self.manner.interval.min(self.manner.connect_interval),
        };
        let doorway = knock.and_then(|knock| self.endpoint.doorway(knock));
        let was_answered = self.answered.take().is_some_and(|before| Some(before) == doorway);
        // A connect gives up by itself, and a write may take as long again.
        let longest = limit.saturating_mul(6);
        // It shows by a tick at the latest that begins behind a try that began an interval after the last that got in.
        let together = SHOWS_WITHIN.saturating_sub(connect_interval + self.manner.interval);
        // The second try begins a tick after the first.
        let least = LEAST + self.manner.interval;
        let door = || Door::new(connect_interval, longest).together(together.max(least), took);
        Ok(Kept {
            session,
            since: Instant::now(),
            knock: knock.map(|knock| (knock, Door::of_knocks(KNOCK_INTERVAL, limit, was_answered))),
            connect: (has_door && self.manner.has_two).then(door),
        })
    }

    /// Begins a knock, if one is due.
    fn knock(&self, kept: &mut Kept) {
        if let Some((knock, door)) = &mut kept.knock {
            let knock = *knock;
            door.attempt(|| {
                let endpoint = self.endpoint.clone();
                async move {
                    let knocking = endpoint.knock(knock);
                    let end = within(Instant::now() + KNOCK_PATIENCE, knocking).await;
                    end.unwrap_or_else(|_| Err(Failure::timeout("the server does not take new connections")))
                }
            });
        }
    }

    async fn ask(&mut self, mut kept: Kept) -> Result<(State, Lag), Failure> {
        let asked = Instant::now();
        let (state, lag) = match self.query(&mut kept.session).await {
            Ok(answer) => answer,
            Err(failure) => {
                self.endpoint.notice(&failure);
                kept.session.abandon();
                return Err(failure);
            }
        };
        let is_replica = state == State::Replica;
        if let Err(failure) = self.endpoint.check_role(&mut kept.session, is_replica) {
            kept.session.close().await;
            return Err(failure);
        }
        // A knock goes to the server and back twice, a whole connection up to seven times.
        let delay = asked.elapsed();
        if let Err(failure) = self.listen(&mut kept, delay * 2).await {
            kept.session.abandon();
            return Err(failure);
        }
        self.weigh(&mut kept);
        if let Some(door) = &mut kept.connect {
            door.delayed_by(delay * 7);
            let writes = self.manner.writes && state == State::Primary;
            let fresh = door.fresh();
            door.attempt_shared(|| connect(self.beside.clone(), writes, fresh));
        }
        let mut around = self.look_around(&mut kept).await;
        if around.is_ok() {
            around = self.end_stragglers(&mut kept).await;
        }
        if let Err(failure) = around {
            kept.session.abandon();
            return Err(failure);
        }
        self.kept = Some(kept);
        Ok((state, lag))
    }

    /// Waits for the answer to a knock that the way to the server delays. Silence counts only if the session answers as fast as
    /// before: a scrape that began meanwhile may have filled the line.
    async fn listen(&mut self, kept: &mut Kept, delay: Duration) -> Result<(), Failure> {
        let Some((_, door)) = &mut kept.knock else {
            return Ok(());
        };
        door.delayed_by(delay);
        door.settle().await;
        if door.is_overdue() {
            let asked = Instant::now();
            self.ping(&kept.session).await?;
            door.delayed_by(delay.max(asked.elapsed() * 2));
            door.settle().await;
        }
        Ok(())
    }

    /// Hears from the session, however much is under way on the line.
    async fn ping(&self, session: &Session) -> Result<(), Failure> {
        let (limit, traffic) = (self.endpoint.connect_timeout, self.endpoint.traffic());
        let pong = traffic.outlast(limit, session.ping()).await;
        pong.unwrap_or_else(|_| Err(Failure::timeout("the probe was not answered in time")))
    }

    async fn query(&mut self, session: &mut Session) -> Result<(State, Lag), Failure> {
        if session.kind() == Kind::Pgbouncer {
            self.ping(session).await?;
            return Ok((State::Primary, Lag::NONE));
        }
        let (limit, traffic) = (self.endpoint.connect_timeout, self.endpoint.traffic());
        self.question.ask(session, limit, traffic).await
    }

    /// Whether knocks are of use: where none was answered yet a whole connection tells, and stands in for them if it gets in.
    fn weigh(&mut self, kept: &mut Kept) {
        let Some((knock, door)) = &kept.knock else {
            return;
        };
        if door.has_answered() {
            self.answered = self.answered.take().or_else(|| self.endpoint.doorway(*knock));
            return;
        }
        // Whoever answers both does so within that.
        let limit = self.endpoint.connect_timeout;
        let opened = kept.connect.as_mut().and_then(Door::since_let_in);
        let is_let_in = opened.is_some_and(|since| since >= limit);
        if door.is_of_no_use() || (door.is_in_doubt() && is_let_in) {
            kept.knock = None;
            let every = self.manner.interval.min(self.manner.connect_interval);
            kept.connect.iter_mut().for_each(|door| door.try_each(every));
        } else if door.is_in_doubt() {
            kept.connect.iter_mut().for_each(Door::hurry);
        }
    }

    /// Why nobody is let in, if that is so.
    fn shut(&mut self) -> Option<(State, std::sync::Arc<str>)> {
        let kept = self.kept.as_mut()?;
        let knock = kept.knock.as_mut().and_then(|(_, door)| door.shut());
        let shut = knock.or_else(|| kept.connect.as_mut()?.shut());
        let shut = shut.or_else(|| self.crowd.shut())?;
        Some((shut.state, shut.reason))
    }
}

/// Whether there is no pooler in between.
fn is_direct(kept: &Kept) -> bool {
    kept.session.kind() == Kind::Postgres
}

fn no_write() -> Failure {
    Failure::timeout("a write got no answer")
}

/// A whole new connection, which may write; when it was let in. One that does not write may be another target's of no longer ago than
/// `fresh`: whether writes hang each finds out for itself.
async fn connect(endpoint: Endpoint, writes: bool, fresh: Duration) -> Result<tokio::time::Instant, Failure> {
    if !writes {
        return endpoint.is_let_in(fresh).await;
    }
    let mut session = endpoint.connect_again().await?;
    match within(Instant::now() + PATIENCE, session.write_message(PATIENCE)).await {
        Ok(end) => {
            session.close().await;
            end.map(|()| tokio::time::Instant::now())
        }
        Err(_) => {
            session.abandon();
            Err(no_write())
        }
    }
}
