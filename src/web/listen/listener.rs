//! A socket that clients connect to, and its name.

use std::fmt;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use super::socket_file::SocketFile;

/// Connections that may wait to be accepted.
pub(super) const BACKLOG: i32 = 4096;

/// A socket that clients connect to.
#[derive(Debug)]
pub enum Listener {
    /// A TCP port.
    Tcp(std::net::TcpListener),
    /// A unix socket, and its file if that goes with it.
    Unix(std::os::unix::net::UnixListener, Option<SocketFile>),
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
                Ok(address) => f.write_str(&shown(&address)),
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

/// As it is written in `--web.listen-address`.
fn shown(address: &SocketAddr) -> String {
    #[cfg(target_os = "linux")]
    {
        use std::os::linux::net::SocketAddrExt as _;
        if let Some(name) = address.as_abstract_name() {
            return format!("unix:@{}", name.escape_ascii());
        }
    }
    let path = address.as_pathname().unwrap_or(Path::new("unnamed"));
    format!("unix:{}", path.display())
}
