//! Sockets that systemd opened, as its `sd_listen_fds(3)` has it.

use std::io;
use std::os::fd::AsFd;

use listenfd::ListenFd;
use socket2::SockRef;

use super::listener::Listener;
use super::tcp;

/// The service manager's sockets cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ActivationError {
    /// There are none.
    #[error(
        "--web.systemd-socket: no socket was passed on; start the service by its .socket unit, or leave the flag out"
    )]
    None,
    /// One is of another kind.
    #[error(
        "--web.systemd-socket: socket {number} is no listening stream socket; write ListenStream= and leave Accept= out"
    )]
    Kind {
        /// From 1, in the order of the unit.
        number: usize,
    },
    /// One cannot be used.
    #[error("--web.systemd-socket: socket {number}: {source}")]
    Io {
        /// From 1, in the order of the unit.
        number: usize,
        /// Why.
        source: io::Error,
    },
}

/// Takes the sockets that the service manager passed to this process: every one, whatever its name
/// (`FileDescriptorName=`). Their files, if any, stay the manager's.
///
/// # Errors
/// When there is none, or one that clients cannot connect to.
pub fn activated() -> Result<Vec<Listener>, ActivationError> {
    let mut passed = ListenFd::from_env();
    if passed.len() == 0 {
        return Err(ActivationError::None);
    }
    (0..passed.len()).map(|index| take(&mut passed, index)).collect()
}

fn take(passed: &mut ListenFd, index: usize) -> Result<Listener, ActivationError> {
    let number = index + 1;
    let io = |source| ActivationError::Io { number, source };
    if let Ok(Some(socket)) = passed.take_tcp_listener(index) {
        check(&socket, number)?;
        tcp::prepare(&SockRef::from(&socket)).map_err(io)?;
        return Ok(Listener::Tcp(socket));
    }
    if let Ok(Some(socket)) = passed.take_unix_listener(index) {
        check(&socket, number)?;
        socket.set_nonblocking(true).map_err(io)?;
        return Ok(Listener::Unix(socket, None));
    }
    Err(ActivationError::Kind { number })
}

/// A connection, as `Accept=yes` passes on, is a stream socket, too.
fn check(socket: &impl AsFd, number: usize) -> Result<(), ActivationError> {
    match SockRef::from(socket).is_listener() {
        Ok(true) => Ok(()),
        Ok(false) => Err(ActivationError::Kind { number }),
        Err(source) => Err(ActivationError::Io { number, source }),
    }
}
