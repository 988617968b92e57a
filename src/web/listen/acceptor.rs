//! Accepts clients from either kind of socket.

use std::io;
use std::task::{Context, Poll};

use tokio_util::either::Either;

use super::listener::Listener;
use super::socket_file::SocketFile;
use crate::web::peer::Peer;

/// A connection of either kind of socket.
pub(in crate::web) type Stream = Either<tokio::net::TcpStream, tokio::net::UnixStream>;

/// A listener that the runtime watches.
pub(in crate::web) enum Acceptor {
    Tcp(tokio::net::TcpListener),
    Unix {
        socket: tokio::net::UnixListener,
        /// Goes with the socket.
        _file: Option<SocketFile>,
    },
}

impl Acceptor {
    /// Needs a runtime.
    pub(in crate::web) fn new(listener: Listener) -> io::Result<Self> {
        Ok(match listener {
            Listener::Tcp(socket) => Self::Tcp(tokio::net::TcpListener::from_std(socket)?),
            Listener::Unix(socket, file) => Self::Unix {
                socket: tokio::net::UnixListener::from_std(socket)?,
                _file: file,
            },
        })
    }

    pub(in crate::web) fn poll_accept(&self, task: &mut Context<'_>) -> Poll<io::Result<(Stream, Peer)>> {
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
