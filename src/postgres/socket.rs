//! The socket under a connection: how one is opened, how it ends.
//!
//! The driver could open it. Our own is for its end: a PostgreSQL backend closes its socket with its last breath, when
//! it counts no more, so that who waits for it knows that a connection's place on the server is free.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::either::Either;

use super::conninfo::{ConnInfo, Keepalives};
use super::deadline::Liveness;
use super::flood::{FAREWELL, Waste};
use super::line::Segments;
use super::permit::Permit;
use super::straggler::Backend;

/// When a socket is dead, if nothing is heard of the other end. That is after the server's end is.
const DEAD_AFTER: Duration = Duration::from_secs(40);
const FIRST_PROBE: Duration = Duration::from_secs(10);
const NEXT_PROBES: Duration = Duration::from_secs(5);
const PROBES: u32 = 6;

/// What is read at a time of what is thrown away.
const PIECE: usize = 8 << 10;

/// Where a host is reached: one of the addresses of its name, or its socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

    /// Opens a socket to it, which tells of its liveness whenever something is read. The caller bounds it.
    ///
    /// # Errors
    /// What the system says.
    pub(in crate::postgres) async fn open(
        &self,
        keepalives: &Keepalives,
        segments: Segments,
        liveness: Liveness,
        lease: Option<Lease>,
    ) -> io::Result<Socket> {
        let stream = match self {
            Self::Tcp(address) => {
                let stream = connect(*address, segments).await?;
                stream.set_nodelay(true)?;
                keep_alive(&SockRef::from(&stream), keepalives)?;
                Either::Left(stream)
            }
            Self::Unix(path) => Either::Right(UnixStream::connect(path).await?),
        };
        liveness.heard();
        Ok(Socket {
            stream: Some(stream),
            lease,
            is_shut: false,
            is_gone: false,
            waste: Waste::default(),
            liveness,
        })
    }
}

/// Both ends keep to segments that are announced before the connection is there. A system that cannot announce them goes without.
async fn connect(address: SocketAddr, segments: Segments) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(bytes) = segments.bytes() {
        let _ = SockRef::from(&socket).set_tcp_mss(bytes);
    }
    socket.connect(address).await
}

/// The abstract namespace is where a socket's path starts with a zero byte; users write `@` for it.
fn namespace(dir: &Path) -> PathBuf {
    match dir.to_str().and_then(|dir| dir.strip_prefix('@')) {
        Some(name) => format!("\0{name}").into(),
        None => dir.to_path_buf(),
    }
}

/// As the parameters say. What they leave open is not the system's, which takes hours: a network that is cut, in the middle of a
/// connect too, shows after about as long as the server needs to see it.
fn keep_alive(socket: &SockRef<'_>, keepalives: &Keepalives) -> io::Result<()> {
    socket.set_tcp_user_timeout(Some(keepalives.user_timeout.unwrap_or(DEAD_AFTER)))?;
    if !keepalives.is_on {
        return Ok(());
    }
    let parameters = TcpKeepalive::new()
        .with_time(keepalives.idle.unwrap_or(FIRST_PROBE))
        .with_interval(keepalives.interval.unwrap_or(NEXT_PROBES))
        .with_retries(keepalives.count.unwrap_or(PROBES));
    socket.set_keepalive(true)?;
    socket.set_tcp_keepalive(&parameters)
}

/// What a connection to a server holds until its backend has gone.
#[derive(Debug)]
pub(in crate::postgres) struct Lease {
    permit: Arc<Permit>,
    /// Of which database it is.
    info: Arc<ConnInfo>,
    backend: Backend,
    /// Dropped at the end: who has the other half knows then.
    _gone: watch::Sender<()>,
}

impl Lease {
    /// A lease, and what tells its end.
    pub(in crate::postgres) fn new(
        permit: Arc<Permit>,
        info: Arc<ConnInfo>,
        backend: Backend,
    ) -> (Self, Gone) {
        let (_gone, gone) = watch::channel(());
        let lease = Self {
            permit,
            info,
            backend,
            _gone,
        };
        (lease, Gone(gone))
    }
}

/// Tells when the server has closed its end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Gone(watch::Receiver<()>);

impl Gone {
    /// Whether it has.
    pub(crate) fn is_gone(&self) -> bool {
        self.0.has_changed().is_err()
    }

    pub(in crate::postgres) async fn wait(&mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

type Stream = Either<TcpStream, UnixStream>;

/// An open socket. Its shutdown ends when the other end has closed it as well; what still comes is thrown away.
///
/// A socket is *open*; *shut* when nothing is sent any more; *gone* when the other end has closed it, or it is dead. One that is
/// dropped before it is gone lingers by itself until then, with its lease; one whose other end goes on sending is cut off.
#[derive(Debug)]
pub(in crate::postgres) struct Socket {
    /// There until the socket is dropped.
    stream: Option<Stream>,
    lease: Option<Lease>,
    is_shut: bool,
    is_gone: bool,
    waste: Waste,
    liveness: Liveness,
}

impl Socket {
    /// To who asks for a cancel a server says nothing.
    fn has_sent_too_much(&self) -> bool {
        self.waste.is_too_much() || (self.lease.is_none() && self.waste.bytes() >= PIECE)
    }

    fn stream(&mut self) -> io::Result<Pin<&mut Stream>> {
        let stream = self.stream.as_mut();
        stream
            .map(Pin::new)
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.is_gone {
            return;
        }
        if let (Some(stream), Some(lease)) = (self.stream.take(), self.lease.take())
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(linger(stream, lease, self.liveness.clone(), self.waste));
        }
    }
}

/// Waits until the other end has closed the connection, is dead by the word of the system, or has sent too much.
async fn linger(mut stream: Stream, lease: Lease, liveness: Liveness, mut waste: Waste) {
    let _stuck = lease.permit.stuck();
    // Where the network is cut nothing is heard: the server's end is dead before ours is (`startup`).
    if let Either::Left(tcp) = &stream {
        let socket = SockRef::from(tcp);
        let _ = socket.set_tcp_user_timeout(Some(DEAD_AFTER));
        let keepalive = TcpKeepalive::new()
            .with_time(FIRST_PROBE)
            .with_interval(NEXT_PROBES);
        let _ = socket.set_tcp_keepalive(&keepalive.with_retries(PROBES));
    }
    let _ = stream.shutdown().await;
    let mut piece = [0; PIECE];
    while !waste.is_too_much() {
        let Ok(bytes @ 1..) = stream.read(&mut piece).await else {
            return;
        };
        // What nobody needs is in the way of others all the same.
        liveness.came(bytes);
        waste.add(bytes);
    }
    drop(stream);
    lease.permit.cut_off(lease.info.database());
    match lease.backend.number().filter(|_| !lease.permit.is_of_probe()) {
        Some(backend) => lease.permit.stragglers().outlast(backend).await,
        None => sleep(FAREWELL).await,
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(self.stream()?.poll_read(context, buffer));
        self.is_gone |= read.is_err() || buffer.filled().len() == before;
        self.liveness.came(buffer.filled().len().saturating_sub(before));
        Poll::Ready(read)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut {
            ready!(self.stream()?.poll_shutdown(context))?;
            self.is_shut = true;
        }
        let mut piece = [0; PIECE];
        // One that has sent too much is cut off when it is dropped.
        while !self.has_sent_too_much() {
            let mut buffer = ReadBuf::new(&mut piece);
            match ready!(self.stream()?.poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    let bytes = buffer.filled().len();
                    self.liveness.came(bytes);
                    self.waste.add(bytes);
                }
                // Closed, or reset because the other end has not read all of ours: gone either way.
                _ => {
                    self.is_gone = true;
                    return Poll::Ready(Ok(()));
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}
