//! Names of hosts to addresses. A resolver may hang for as long as it likes: it does so on a thread of its own.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::files::SingleFlight;
use crate::postgres::conninfo::Host;
use crate::postgres::deadline::within;
use crate::postgres::failure::Failure;
use crate::postgres::socket::Address;

/// A name and a port.
type Name = (String, u16);

/// Looks names up, and remembers what it found: it serves while the resolver is silent.
#[derive(Clone, Debug, Default)]
pub(in crate::postgres) struct Names {
    lookups: SingleFlight<Name, Result<Vec<SocketAddr>, Arc<io::Error>>>,
    last: Arc<Mutex<HashMap<Name, Vec<SocketAddr>>>>,
}

impl Names {
    /// The addresses of a host, in the resolver's order, without repetitions: at least one.
    ///
    /// # Errors
    /// What the resolver says of the name, or that it says nothing until then.
    pub(in crate::postgres) async fn addresses(
        &self,
        host: &Host,
        until: Instant,
    ) -> Result<Vec<Address>, Failure> {
        let (name, port) = match host {
            Host::Unix { dir, port } => return Ok(vec![Address::of_socket(dir, *port)]),
            Host::Tcp {
                hostaddr: Some(address),
                port,
                ..
            } => return Ok(vec![Address::Tcp(SocketAddr::new(*address, *port))]),
            Host::Tcp { host, port, .. } => (host.as_deref().unwrap_or_default(), *port),
        };
        if let Ok(address) = name.parse::<IpAddr>() {
            return Ok(vec![Address::Tcp(SocketAddr::new(address, port))]);
        }
        let found = self.look_up(&(name.to_owned(), port), until).await?;
        let mut addresses = Vec::new();
        // A hosts file may name one twice.
        for address in found.into_iter().map(Address::Tcp) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Ok(addresses)
    }

    async fn look_up(&self, name: &Name, until: Instant) -> Result<Vec<SocketAddr>, Failure> {
        let own = name.clone();
        let work = move || resolve(&own).map_err(Arc::new);
        let unresolved =
            |error: &dyn std::fmt::Display| Failure::connection(format!("the name is not resolved: {error}"));
        let flight = self
            .lookups
            .join(name, work)
            .map_err(|error| unresolved(&error))?;
        let last = || self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // Where an answer is known, half of the time is left for the server.
        let known = last().get(name).cloned();
        let left = until.saturating_duration_since(Instant::now());
        let patience = if known.is_some() { left / 2 } else { left };
        match (within(Instant::now() + patience, flight.landed()).await, known) {
            (Ok(Ok(found)), _) => {
                last().insert(name.clone(), found.clone());
                Ok(found)
            }
            (Ok(Err(error)), _) => Err(unresolved(&error)),
            (Err(_), Some(known)) => {
                tracing::debug!(
                    "the name server does not answer: the last addresses of {} are used",
                    name.0
                );
                Ok(known)
            }
            (Err(_), None) => Err(Failure::timeout("the name was not resolved in time")),
        }
    }
}

fn resolve(name: &Name) -> io::Result<Vec<SocketAddr>> {
    let addresses: Vec<_> = (name.0.as_str(), name.1).to_socket_addrs()?.collect();
    if addresses.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the name has no addresses",
        ));
    }
    Ok(addresses)
}
