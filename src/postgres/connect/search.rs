//! The search for a session: hosts and their addresses in order, each with its share of the time.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use super::attributes::passes;
use super::pending::Pending;
use super::secrets::Secrets;
use super::startup::Attempt;
use super::{Endpoint, Good};
use crate::postgres::conninfo::{Host, LoadBalanceHosts, TargetSessionAttrs};
use crate::postgres::deadline::{Liveness, within};
use crate::postgres::failure::Failure;
use crate::postgres::flood::Rest;
use crate::postgres::permit::{AllStuck, Permit};
use crate::postgres::session::Session;
use crate::postgres::socket::Address;

impl Endpoint {
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
                if let Some(rest) = self.rest(place) {
                    failures.push(rest.at(&host));
                    to_go = to_go.saturating_sub(1);
                    continue;
                }
                let permit = match self.permit(place, deadline, &make_room).await {
                    Ok(permit) => permit,
                    Err(None) => return Err(Failure::all(failures)),
                    Err(Some(AllStuck)) => {
                        failures.push(all_stuck().at(&host));
                        to_go = to_go.saturating_sub(1);
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

    /// Why nobody connects to a host for now, for our purpose and database: within a minute or so somebody does again.
    pub(super) fn rest(&self, place: usize) -> Option<Failure> {
        let rest = self.permits.rest(place, self.purpose, self.info.database())?;
        Some(match rest {
            Rest::OfServer => {
                Failure::connection("the server sends without end, and is left alone for a while")
            }
            Rest::OfDatabase => Failure::connection(
                "the server sends without end in this database, which is left alone for a while",
            )
            .of_database(),
        })
    }

    pub(super) fn last_good(&self) -> Option<Good> {
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
                only_enters: false,
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
    pub(super) async fn wait_for(
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
