//! The socket under a connection: how one is opened, how it ends.
//!
//! The driver could open it. Our own is for its end: a PostgreSQL backend closes its socket with its last breath, when
//! it counts no more, so that who waits for it knows that a connection's place on the server is free.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_util::either::Either;

use crate::postgres::conninfo::Keepalives;
use crate::postgres::deadline::Pulse;

/// Where a host is reached: one of the addresses of its name, or its socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::postgres) enum Address {
    /// By TCP.
    Tcp(SocketAddr),
    /// By a unix socket; on Linux one that starts with a zero byte is in the abstract namespace.
    Unix(PathBuf),
}

impl Address {
    /// The socket of a server in a folder.
    pub(in crate::postgres) fn of_socket(dir: &Path, port: u16) -> Self {
        Self::Unix(namespace(dir).join(format!(".s.PGSQL.{port}")))
    }

    /// Opens a socket to it, whose pulse beats whenever something is read. The caller bounds it.
    ///
    /// # Errors
    /// What the system says.
    pub(in crate::postgres) async fn open(
        &self,
        keepalives: &Keepalives,
        pulse: Pulse,
    ) -> io::Result<Socket> {
        let stream = match self {
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                keep_alive(&SockRef::from(&stream), keepalives)?;
                Either::Left(stream)
            }
            Self::Unix(path) => Either::Right(UnixStream::connect(path).await?),
        };
        pulse.beat();
        Ok(Socket {
            stream,
            is_shut: false,
            pulse,
        })
    }
}

/// The abstract namespace is where a socket's path starts with a zero byte; users write `@` for it.
fn namespace(dir: &Path) -> PathBuf {
    match dir.to_str().and_then(|dir| dir.strip_prefix('@')) {
        Some(name) => format!("\0{name}").into(),
        None => dir.to_path_buf(),
    }
}

fn keep_alive(socket: &SockRef<'_>, keepalives: &Keepalives) -> io::Result<()> {
    if let Some(timeout) = keepalives.user_timeout {
        socket.set_tcp_user_timeout(Some(timeout))?;
    }
    if !keepalives.is_on {
        return Ok(());
    }
    socket.set_keepalive(true)?;
    let mut parameters = TcpKeepalive::new();
    if let Some(idle) = keepalives.idle {
        parameters = parameters.with_time(idle);
    }
    if let Some(interval) = keepalives.interval {
        parameters = parameters.with_interval(interval);
    }
    if let Some(count) = keepalives.count {
        parameters = parameters.with_retries(count);
    }
    socket.set_tcp_keepalive(&parameters)
}

/// An open socket. Its shutdown ends when the other end has closed it as well; what still comes is thrown away.
#[derive(Debug)]
pub(in crate::postgres) struct Socket {
    stream: Either<TcpStream, UnixStream>,
    is_shut: bool,
    pulse: Pulse,
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.pulse.beat();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.is_shut = true;
        }
        let mut waste = [0; 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut waste);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                // Closed, or reset because the other end has not read all of ours: gone either way.
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}
