//! From connection information to a session: hosts and their addresses in order, one bound on each.

mod attributes;
mod bells;
mod drive;
mod imposed;
mod introduction;
mod knock;
pub(in crate::postgres) mod names;
mod pace;
mod pending;
mod search;
mod secrets;
mod startup;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use knock::{Doorway, Knock};
pub use pace::Pace;

use attributes::passes;
use names::Names;
use pending::Waiting;

use super::conninfo::{ConnInfo, TargetSessionAttrs};
use super::deadline::Traffic;
use super::failure::{Failure, Reason};
use super::line::{Line, Segments};
use super::meter::ResultLimits;
use super::permit::{Permits, Purpose};
use super::session::Session;
use super::socket::Address;

/// Where and how to connect, for one purpose: that of a database's scrapes, or of the probe.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Connection information, of the database to connect to.
    pub info: Arc<ConnInfo>,
    /// What each host may take to answer the whole start-up exchange; also the client's grace on top of each
    /// statement's time limit.
    pub connect_timeout: Duration,
    /// What answered last: the next connect begins there.
    last_good: Arc<Mutex<Option<Good>>>,
    names: Names,
    permits: Permits,
    purpose: Purpose,
    results: ResultLimits,
    /// Connects that hang: no other is begun beside them.
    waiting: Arc<Waiting>,
    /// How connects take turns with those of other targets.
    pace: Pace,
    traffic: Traffic,
    line: Line,
}

/// A host that answered: its place among the hosts, and which of its addresses it was.
#[derive(Clone, Debug)]
struct Good {
    place: usize,
    address: Address,
    /// What the server is.
    version: u32,
    /// Whether a pooler there ends transactions with each message.
    is_by_message: bool,
}

impl Endpoint {
    /// The servers of a connection string.
    #[must_use]
    pub fn new(info: ConnInfo, connect_timeout: Duration) -> Self {
        Self {
            info: Arc::new(info),
            connect_timeout,
            last_good: Arc::default(),
            names: Names::default(),
            permits: Permits::default(),
            purpose: Purpose::Scrape,
            results: ResultLimits::default(),
            waiting: Arc::default(),
            pace: Pace::default(),
            traffic: Traffic::default(),
            line: Line::default(),
        }
    }

    /// The same, whose connects take turns with those of others.
    #[must_use]
    pub fn paced(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// The same with at most that many connections to each server, of all that share it, at least two.
    #[must_use]
    pub fn with_max_connections(self, cap: usize) -> Self {
        Self {
            permits: Permits::new(cap),
            ..self
        }
    }

    /// The same with those bounds on each result.
    #[must_use]
    pub fn with_result_limits(self, results: ResultLimits) -> Self {
        Self { results, ..self }
    }

    /// The same for the health probe, for which one of the connections is left.
    #[must_use]
    pub fn for_probe(&self) -> Self {
        Self {
            purpose: Purpose::Probe,
            waiting: Arc::default(),
            ..self.clone()
        }
    }

    /// What comes over its connections, whatever their purpose and database.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// A session was given up for that failure. One that was not answered is remembered: what is opened next asks for less.
    pub fn notice(&self, failure: &Failure) {
        if failure.reason == Reason::Timeout && failure.sqlstate.is_none() {
            self.line.was_silent();
        }
    }

    /// What a connection asks for that is opened now. Little goes over the probe's, so that it does without large segments: it goes on
    /// where those are lost.
    fn segments(&self) -> Segments {
        match (self.line.segments(), self.purpose) {
            (Segments::Any, Purpose::Probe) => Segments::Safe,
            (segments, _) => segments,
        }
    }

    /// The permits for its connections.
    #[must_use]
    pub fn permits(&self) -> &Permits {
        &self.permits
    }

    /// The same server, another database.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        Self {
            info: Arc::new(self.info.with_database(name)),
            waiting: Arc::new(Waiting::of_discovered()),
            ..self.clone()
        }
    }

    /// Somebody wants the database for himself: connects that hang, and sessions that nobody waited for, are given up.
    pub fn leave(&self) {
        self.waiting.let_go(false);
    }

    /// Sessions are not to idle in the database: those that nobody waited for are closed.
    pub fn keep_none(&self) {
        self.waiting.let_go(true);
    }

    /// Whether a kept session is still on a server of the wanted kind, given the server's role now: one whose server has
    /// changed its role since must be made anew, by the rules of `target_session_attrs`.
    ///
    /// # Errors
    /// When it is not, as a lost connection.
    pub fn check_role(&self, session: &mut Session, in_recovery: bool) -> Result<(), Failure> {
        let is_any = self.info.target_session_attrs() == TargetSessionAttrs::Any;
        if session.keeps_role(in_recovery) || is_any {
            return Ok(());
        }
        Err(Failure::connection(
            "the server has changed its role: target_session_attrs is to be looked at anew",
        ))
    }

    /// What connecting may take at the longest: every host may use up its own time.
    #[must_use]
    pub fn longest_connect(&self) -> Duration {
        let attempts = self.info.hosts().len().max(1) * passes(self.info.target_session_attrs()).len();
        self.longest_exchange()
            .saturating_mul(u32::try_from(attempts).unwrap_or(u32::MAX))
    }

    /// What one host may take that answers, but is far away: the exchange has up to seven round trips.
    fn longest_exchange(&self) -> Duration {
        self.connect_timeout.saturating_mul(2)
    }
}
