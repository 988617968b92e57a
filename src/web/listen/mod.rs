//! Listening sockets: TCP ports, unix sockets, and what a service manager opened.

mod activation;
mod address;
mod tcp;
#[cfg(test)]
mod tests;
mod unix;

use std::fmt;
use std::io;
use std::task::{Context, Poll};

use tokio_util::either::Either;

pub use activation::{ActivationError, activated};
pub use address::Listen;
pub use unix::SocketFile;

use super::security::Peer;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// A connection of either kind of socket.
pub(super) type Stream = Either<tokio::net::TcpStream, tokio::net::UnixStream>;

/// A socket that clients connect to.
#[derive(Debug)]
pub enum Listener {
    /// A TCP port.
    Tcp(std::net::TcpListener),
    /// A unix socket, and its file if that goes with it.
    Unix(std::os::unix::net::UnixListener, Option<SocketFile>),
}

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

/// The address that clients connect to.
impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(socket) => match socket.local_addr() {
                Ok(address) => address.fmt(f),
                Err(_) => f.write_str("unknown"),
            },
            Self::Unix(socket, _) => match socket.local_addr() {
                Ok(address) => f.write_str(&unix::shown(&address)),
                Err(_) => f.write_str("unknown"),
            },
        }
    }
}

impl From<std::net::TcpListener> for Listener {
    fn from(socket: std::net::TcpListener) -> Self {
        Self::Tcp(socket)
    }
}

/// A listener that the runtime watches.
pub(super) enum Acceptor {
    Tcp(tokio::net::TcpListener),
    Unix {
        socket: tokio::net::UnixListener,
        /// Goes with the socket.
        _file: Option<SocketFile>,
    },
}

impl Acceptor {
    /// Needs a runtime.
    pub(super) fn new(listener: Listener) -> io::Result<Self> {
        Ok(match listener {
            Listener::Tcp(socket) => Self::Tcp(tokio::net::TcpListener::from_std(socket)?),
            Listener::Unix(socket, file) => Self::Unix {
                socket: tokio::net::UnixListener::from_std(socket)?,
                _file: file,
            },
        })
    }

    pub(super) fn poll_accept(&self, task: &mut Context<'_>) -> Poll<io::Result<(Stream, Peer)>> {
        match self {
            Self::Tcp(socket) => socket
                .poll_accept(task)
                .map_ok(|(stream, peer)| (Either::Left(stream), Peer::new(Some(peer.ip())))),
            Self::Unix { socket, .. } => socket
                .poll_accept(task)
                .map_ok(|(stream, _)| (Either::Right(stream), Peer::new(None))),
        }
    }
}
