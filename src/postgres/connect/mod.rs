//! From connection information to a session: hosts and their addresses in order, one bound on each.

mod attributes;
pub(in crate::postgres) mod cancel_route;
mod introduction;
pub(in crate::postgres) mod names;
mod secrets;
pub(in crate::postgres) mod socket;
mod startup;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use attributes::passes;
use names::Names;
use secrets::Secrets;
use socket::Address;
use startup::Attempt;

use super::conninfo::{ConnInfo, Host, LoadBalanceHosts, TargetSessionAttrs};
use super::deadline::{Pulse, within};
use super::failure::Failure;
use super::session::Session;

/// Where and how to connect.
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
}

/// A host that answered: its place among the hosts, and which of its addresses it was.
#[derive(Clone, Debug)]
struct Good {
    place: usize,
    address: Address,
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
        }
    }

    /// The same server, another database.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        Self {
            info: Arc::new(self.info.with_database(name)),
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
    /// What became of every host that was tried.
    pub async fn connect(&self, deadline: Instant) -> Result<Session, Failure> {
        let mut failures: Vec<Failure> = Vec::new();
        let passes = passes(self.info.target_session_attrs());
        let mut to_go = passes.len() * self.info.hosts().len();
        for wanted in passes {
            for (place, host) in self.hosts() {
                // One that is silent must not use up the time of those behind it.
                let Some(share) = share(deadline, to_go) else {
                    break;
                };
                to_go = to_go.saturating_sub(1);
                let until = Instant::now() + self.longest_exchange().min(share);
                match self.connect_to(&host, *wanted, until).await {
                    Ok((session, address)) => {
                        let good = Good { place, address };
                        *self.last_good.lock().unwrap_or_else(PoisonError::into_inner) = Some(good);
                        return Ok(session);
                    }
                    Err(failure) if failure.is_final() => return Err(failure),
                    Err(failure) => failures.push(failure),
                }
            }
        }
        let all = Failure::all(failures);
        Err(all.unwrap_or_else(|| Failure::timeout("no time was left to connect")))
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

    /// One host, address after address until then; which one answered.
    async fn connect_to(
        &self,
        host: &Host,
        wanted: TargetSessionAttrs,
        until: Instant,
    ) -> Result<(Session, Address), Failure> {
        let secrets = within(until, Secrets::read(&self.info, host)).await;
        let secrets =
            secrets.map_err(|_| Failure::timeout("the files of its secrets do not answer").at(host))?;
        let addresses = self.addresses(host, until).await;
        let addresses = addresses.map_err(|failure| failure.at(host))?;
        let mut failures: Vec<Failure> = Vec::new();
        for (address, to_go) in addresses.iter().zip((1..=addresses.len()).rev()) {
            let place = match address {
                Address::Tcp(address) if addresses.len() > 1 => format!("{host} ({})", address.ip()),
                _ => host.to_string(),
            };
            // Whether an address is dead is known when its socket opens: only that has to share the time.
            let Some(opening) = share(until, to_go) else {
                break;
            };
            let pulse = Pulse::default();
            let attempt = Attempt {
                info: &self.info,
                host,
                address,
                secrets: &secrets,
                wanted,
                limit: self.connect_timeout,
                opening: opening.min(self.connect_timeout / u32::try_from(to_go).unwrap_or(u32::MAX)),
                pulse: pulse.clone(),
            };
            match pulse.lasting(self.connect_timeout, until, attempt.run()).await {
                Ok(Ok(session)) => return Ok((session, address.clone())),
                Ok(Err(failure)) if failure.is_final() => return Err(failure.at(place)),
                Ok(Err(failure)) => failures.push(failure.at(place)),
                Err(_) => failures.push(Failure::timeout(format!(
                    "{place}: the server did not answer within {:.1?}",
                    self.connect_timeout
                ))),
            }
        }
        let all = Failure::all(failures);
        Err(all.unwrap_or_else(|| Failure::timeout(format!("no time was left to connect to {host}"))))
    }
}

/// What one of those that are still to be tried may take of the time that is left; none is left at the end of it.
fn share(until: Instant, to_go: usize) -> Option<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    (!left.is_zero()).then(|| left / u32::try_from(to_go.max(1)).unwrap_or(u32::MAX))
}
