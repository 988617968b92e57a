//! From connection information to a session: hosts and their addresses in order, one bound on each.

mod attributes;
mod introduction;
mod knock;
pub(in crate::postgres) mod names;
mod pace;
mod pending;
mod secrets;
mod startup;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use knock::Knock;
pub use pace::Pace;

use attributes::passes;
use names::Names;
use pending::{Pending, Waiting};
use secrets::Secrets;
use startup::Attempt;
use tokio::time::timeout_at;

use super::conninfo::{ConnInfo, Host, LoadBalanceHosts, TargetSessionAttrs};
use super::deadline::{Liveness, Traffic, within};
use super::failure::{Failure, Reason};
use super::line::{Line, Segments};
use super::meter::ResultLimits;
use super::permit::{AllStuck, Permit, Permits, Purpose};
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
            waiting: Arc::default(),
            ..self.clone()
        }
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

    /// Opens a session on the first host that lets it and is of the wanted kind.
    ///
    /// A server that refuses the user, the database or one more connection ends the search, as in libpq: the next host is
    /// for when one is not there, not ready, or of another kind.
    ///
    /// # Errors
    /// What became of every host that was tried, or that there is no permit for another connection.
    pub async fn connect(&self, deadline: Instant) -> Result<Session, Failure> {
        let connected = self.connect_making_room(deadline, || false).await;
        connected
            .map_err(|failure| failure.unwrap_or_else(|| Failure::timeout("no connection was free in time")))
    }

    /// As [`connect`](Self::connect). Where there is no permit, `make_room` is asked to close an idle session, and says whether
    /// it has.
    ///
    /// # Errors
    /// `Err(None)` when no permit was free before the deadline, which says nothing about the server.
    pub(in crate::postgres) async fn connect_making_room(
        &self,
        deadline: Instant,
        make_room: impl Fn() -> bool,
    ) -> Result<Session, Option<Failure>> {
        let mut failures: Vec<Failure> = Vec::new();
        let passes = passes(self.info.target_session_attrs());
        let mut to_go = passes.len() * self.info.hosts().len();
        for wanted in passes {
            for (place, host) in self.hosts() {
                let permit = match self.permit(place, deadline, &make_room).await {
                    Ok(permit) => permit,
                    Err(None) => return Err(Failure::all(failures)),
                    Err(Some(AllStuck)) => {
                        failures.push(all_stuck().at(&host));
                        continue;
                    }
                };
                // One that is silent must not use up the time of those behind it.
                let Some(share) = share(deadline, to_go) else {
                    break;
                };
                to_go = to_go.saturating_sub(1);
                let until = Instant::now() + self.longest_exchange().min(share);
                match self.connect_to((place, &host), *wanted, until, permit).await {
                    Ok((session, address)) => {
                        let good = Good {
                            place,
                            address,
                            version: session.version(),
                            is_by_message: session.limits.is_by_message(),
                        };
                        *self.last_good.lock().unwrap_or_else(PoisonError::into_inner) = Some(good);
                        return Ok(session);
                    }
                    Err(failure) if failure.is_final() => return Err(Some(failure)),
                    Err(failure) => failures.push(failure),
                }
            }
        }
        let all = Failure::all(failures);
        Err(Some(all.unwrap_or_else(|| {
            Failure::timeout("no time was left to connect")
        })))
    }

    /// A permit for the host, unless a connect to it hangs, which has one.
    async fn permit(
        &self,
        place: usize,
        deadline: Instant,
        make_room: impl Fn() -> bool,
    ) -> Result<Option<Permit>, Option<AllStuck>> {
        if self.waiting.has(place, &self.line) {
            return Ok(None);
        }
        let permit = self.permits.acquire(place, self.purpose, make_room);
        match timeout_at(deadline.into(), permit).await {
            Ok(permit) => permit.map(Some).map_err(Some),
            Err(_) => Err(None),
        }
    }

    fn last_good(&self) -> Option<Good> {
        let good = self.last_good.lock();
        good.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The hosts with their places, in the order of trying.
    fn hosts(&self) -> Vec<(usize, Host)> {
        let mut hosts: Vec<_> = self.info.hosts().iter().cloned().enumerate().collect();
        if self.info.load_balance_hosts() == LoadBalanceHosts::Random {
            fastrand::shuffle(&mut hosts);
        } else if let Some(good) = self.last_good()
            && good.place < hosts.len()
        {
            hosts.rotate_left(good.place);
        }
        hosts
    }

    /// The addresses of a host, in the order of trying.
    async fn addresses(&self, host: &Host, until: Instant) -> Result<Vec<Address>, Failure> {
        let mut addresses = self.names.addresses(host, until).await?;
        if self.info.load_balance_hosts() == LoadBalanceHosts::Random {
            fastrand::shuffle(&mut addresses);
        } else if let Some(good) = self.last_good()
            && let Some(at) = addresses.iter().position(|address| *address == good.address)
        {
            addresses.rotate_left(at);
        }
        Ok(addresses)
    }

    /// One host, address after address until then; which one answered. A connect that hangs is waited for again instead.
    async fn connect_to(
        &self,
        (place, host): (usize, &Host),
        wanted: TargetSessionAttrs,
        until: Instant,
        permit: Option<Permit>,
    ) -> Result<(Session, Address), Failure> {
        let Some(permit) = permit else {
            return match self.waiting.take(place) {
                Some(pending) => self.wait_for(place, pending, until).await,
                None => Err(Failure::timeout(format!("{host}: another connect is under way"))),
            };
        };
        let permit = Arc::new(permit);
        let secrets = within(until, Secrets::read(&self.info, host)).await;
        let secrets =
            secrets.map_err(|_| Failure::timeout("the files of its secrets do not answer").at(host))?;
        if let Some(warning) = &secrets.warning {
            tracing::warn!("{warning}");
        }
        if let Some(reason) = &secrets.failure {
            return Err(Failure::connection(reason.clone()).at(host));
        }
        let secrets = Arc::new(secrets);
        let turn = within(until, self.pace.turn(host)).await;
        let _turn = turn.map_err(|_| Failure::timeout("too many other connects are before it").at(host))?;
        let addresses = self.addresses(host, until).await;
        let addresses = addresses.map_err(|failure| failure.at(host))?;
        let mut failures: Vec<Failure> = Vec::new();
        for (address, to_go) in addresses.iter().zip((1..=addresses.len()).rev()) {
            let shown = match address {
                Address::Tcp(address) if addresses.len() > 1 => format!("{host} ({})", address.ip()),
                _ => host.to_string(),
            };
            // Whether an address is dead is known when its socket opens: only that has to share the time.
            let Some(opening) = share(until, to_go) else {
                break;
            };
            let good = self.last_good().filter(|good| good.place == place);
            let attempt = Attempt {
                info: Arc::clone(&self.info),
                host: host.clone(),
                address: address.clone(),
                segments: self.segments(),
                secrets: Arc::clone(&secrets),
                wanted,
                limit: self.connect_timeout,
                opening: opening.min(self.connect_timeout / u32::try_from(to_go).unwrap_or(u32::MAX)),
                liveness: Liveness::among(&self.traffic),
                permit: Arc::clone(&permit),
                version: good.as_ref().map_or(0, |good| good.version),
                is_by_message: good.is_some_and(|good| good.is_by_message),
                results: self.results,
                is_awaited: Arc::default(),
            };
            match self.wait_for(place, Pending::begin(shown, attempt), until).await {
                Ok(session) => return Ok(session),
                Err(failure) if failure.is_final() => return Err(failure),
                Err(failure) => failures.push(failure),
            }
            if self.waiting.has(place, &self.line) {
                break;
            }
        }
        let all = Failure::all(failures);
        Err(all.unwrap_or_else(|| Failure::timeout(format!("no time was left to connect to {host}"))))
    }

    /// Waits for an attempt for as long as the server is not silent. One that hangs is kept.
    async fn wait_for(
        &self,
        place: usize,
        mut pending: Pending,
        until: Instant,
    ) -> Result<(Session, Address), Failure> {
        match pending.answer(self.connect_timeout, until).await {
            Some(answer) => {
                self.waiting.has_answered(place);
                match answer {
                    Ok(session) => {
                        pending.was_let_in(&self.line);
                        Ok((session, pending.address))
                    }
                    Err(failure) => Err(failure.at(pending.shown)),
                }
            }
            None => {
                let failure = Failure::timeout(format!(
                    "{}: the server did not answer within {:.1?}",
                    pending.shown, self.connect_timeout
                ));
                self.line.was_silent();
                self.waiting.keep(place, pending);
                Err(failure)
            }
        }
    }
}

fn all_stuck() -> Failure {
    Failure::timeout(
        "every connection that we may have hangs in the server: it does not let them in, or does not end what they run",
    )
}

/// What one of those that are still to be tried may take of the time that is left; none is left at the end of it.
fn share(until: Instant, to_go: usize) -> Option<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    (!left.is_zero()).then(|| left / u32::try_from(to_go.max(1)).unwrap_or(u32::MAX))
}
