//! Listening sockets.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs as _};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::settings::Listen;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// How long sent bytes may stay unacknowledged before the peer counts as gone.
const PEER_TIMEOUT: Duration = Duration::from_secs(30);

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
pub fn bind(addresses: &[Listen]) -> Result<Vec<TcpListener>, BindError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let opened = match &address.host {
            None => everywhere(address.port).map(|listener| vec![listener]),
            Some(host) => resolved(host, address.port),
        };
        listeners.extend(opened.map_err(|source| BindError {
            address: address.clone(),
            hint: hint(&source),
            source,
        })?);
    }
    Ok(listeners)
}

/// One socket for IPv6 and IPv4, or one for IPv4 where the system has no IPv6.
fn everywhere(port: u16) -> io::Result<TcpListener> {
    match open((Ipv6Addr::UNSPECIFIED, port).into(), false) {
        Err(error)
            if error.kind() != io::ErrorKind::AddrInUse
                && error.kind() != io::ErrorKind::PermissionDenied =>
        {
            open((Ipv4Addr::UNSPECIFIED, port).into(), false)
        }
        result => result,
    }
}

fn resolved(host: &str, port: u16) -> io::Result<Vec<TcpListener>> {
    let mut known: Vec<SocketAddr> = Vec::new();
    for address in (host, port).to_socket_addrs()? {
        if !known.contains(&address) {
            known.push(address);
        }
    }
    known
        .into_iter()
        .map(|address| open(address, !address.ip().is_unspecified()))
        .collect()
}

/// Accepted connections inherit the options.
fn open(address: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(PEER_TIMEOUT))?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; stop the program that listens there, or choose another --web.listen-address"
        }
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need a privilege, choose another --web.listen-address"
        }
        io::ErrorKind::AddrNotAvailable => "; this machine does not have that address",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::net::TcpStream;

    fn listen(text: &str) -> Result<Vec<TcpListener>, BindError> {
        bind(&[Listen::parse(text).unwrap()])
    }

    #[test]
    fn an_empty_host_means_both_families() {
        let listener = listen(":0").unwrap().remove(0);
        let port = listener.local_addr().unwrap().port();
        assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
        if listener.local_addr().unwrap().is_ipv6() {
            assert!(TcpStream::connect(("::1", port)).is_ok());
        }
    }

    #[test]
    fn a_port_in_use_is_one_clear_line() {
        let first = listen("127.0.0.1:0").unwrap();
        let address = first.first().unwrap().local_addr().unwrap().to_string();
        let error = listen(&address).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("cannot listen on {address}: Address already in use")),
            "{error}"
        );
        assert!(error.ends_with("choose another --web.listen-address"), "{error}");
        let everywhere = listen(&format!(":{}", address.rsplit(':').next().unwrap()));
        assert!(everywhere.is_err(), "no silent fallback to the other family");
    }

    #[test]
    fn names_and_several_addresses() {
        let two = bind(&[
            Listen::parse("127.0.0.1:0").unwrap(),
            Listen::parse("localhost:0").unwrap(),
        ])
        .unwrap();
        assert!(two.len() >= 2);
        assert!(listen("no-such-host.invalid:0").is_err());
        assert!(
            listen("192.0.2.1:0")
                .unwrap_err()
                .to_string()
                .contains("this machine does not have that address")
        );
    }
}
