//! Unix sockets, in the file system or in Linux' abstract namespace.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

use super::listener::{BACKLOG, Listener};
use super::socket_file::SocketFile;

/// Opens a socket with permissions. One that nobody listens on any more is replaced; nothing else is.
pub(super) fn open(path: &Path, mode: u32) -> io::Result<Listener> {
    let address = SockAddr::unix(path)?;
    remove_stale(path, &address)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&address)?;
    let file = SocketFile::new(path)?;
    // Nobody can connect before it listens: there is no moment with other permissions.
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(Listener::Unix(socket.into(), Some(file)))
}

pub(super) fn open_abstract(name: &str) -> io::Result<Listener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(format!("\0{name}"))?)?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(Listener::Unix(socket.into(), None))
}

/// Removes a socket that refuses connections: its owner was killed.
fn remove_stale(path: &Path, address: &SockAddr) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(file) if !file.file_type().is_socket() => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "there is a file that is not a socket",
            ));
        }
        Ok(_) => {}
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // One whose queue is full would make it wait.
    socket.set_nonblocking(true)?;
    match socket.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

pub(super) fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; stop the program that listens there, or choose another --web.listen-address"
        }
        io::ErrorKind::AlreadyExists => "; remove it, or choose another --web.listen-address",
        io::ErrorKind::NotFound => "; make the folder of the socket first",
        io::ErrorKind::PermissionDenied => "; the exporter's user must own the folder, or may write there",
        io::ErrorKind::InvalidInput => "; the path of a socket has at most 107 bytes",
        _ => "",
    }
}
