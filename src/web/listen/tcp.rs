//! TCP ports.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::listener::{BACKLOG, Listener};

/// How long sent bytes may stay unacknowledged before the peer counts as gone.
const PEER_TIMEOUT: Duration = Duration::from_secs(30);

/// A socket for every address, or one for each address of a host.
pub(super) fn open(host: Option<&str>, port: u16) -> io::Result<Vec<Listener>> {
    match host {
        None => everywhere(port).map(|listener| vec![listener]),
        Some(host) => resolved(host, port),
    }
}

/// One socket for IPv6 and IPv4, or one for IPv4 where the system has no IPv6.
fn everywhere(port: u16) -> io::Result<Listener> {
    match open_address((Ipv6Addr::UNSPECIFIED, port).into(), false) {
        Err(error)
            if error.kind() != io::ErrorKind::AddrInUse
                && error.kind() != io::ErrorKind::PermissionDenied =>
        {
            open_address((Ipv4Addr::UNSPECIFIED, port).into(), false)
        }
        result => result,
    }
}

fn resolved(host: &str, port: u16) -> io::Result<Vec<Listener>> {
    let mut known: Vec<SocketAddr> = Vec::new();
    for address in (host, port).to_socket_addrs()? {
        if !known.contains(&address) {
            known.push(address);
        }
    }
    known
        .into_iter()
        .map(|address| open_address(address, !address.ip().is_unspecified()))
        .collect()
}

fn open_address(address: SocketAddr, only_v6: bool) -> io::Result<Listener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    socket.set_reuse_address(true)?;
    prepare(&SockRef::from(&socket))?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(Listener::Tcp(socket.into()))
}

/// Accepted connections inherit the options.
pub(super) fn prepare(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(PEER_TIMEOUT))?;
    Ok(())
}

pub(super) fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; stop the program that listens there, or choose another --web.listen-address"
        }
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need a privilege, choose another --web.listen-address"
        }
        io::ErrorKind::AddrNotAvailable => "; this machine does not have that address",
        // A link-local address without its zone.
        io::ErrorKind::InvalidInput => "; a link-local address needs its zone, as in [fe80::1%eth0]:9630",
        _ => "",
    }
}
