//! From addresses to sockets.

use std::io;

use super::address::Listen;
use super::listener::Listener;
use super::{tcp, unix};

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}{hint}")]
pub struct BindError {
    address: Listen,
    hint: &'static str,
    source: io::Error,
}

/// Opens a socket for each address; for a name, one for each of its addresses.
///
/// # Errors
/// The first address that cannot be listened on.
pub fn bind(addresses: &[Listen]) -> Result<Vec<Listener>, BindError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let opened = match address {
            Listen::Tcp { host, port } => tcp::open(host.as_deref(), *port).map_err(|e| (tcp::hint(&e), e)),
            Listen::Unix { path, mode } => unix::open(path, *mode)
                .map(|listener| vec![listener])
                .map_err(|e| (unix::hint(&e), e)),
            Listen::Abstract(name) => unix::open_abstract(name)
                .map(|listener| vec![listener])
                .map_err(|e| (unix::hint(&e), e)),
        };
        listeners.extend(opened.map_err(|(hint, source)| BindError {
            address: address.clone(),
            hint,
            source,
        })?);
    }
    Ok(listeners)
}
