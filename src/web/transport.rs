//! From an accepted stream to one that speaks HTTP: plain, or through a TLS handshake.

use std::fmt::Display;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::{Duration, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use super::backend::Backend;
use super::connection;
use super::connection::{CLIENT, Protocol};
use super::context::Context;
use super::limits::Limits;
use super::peer::Peer;
use super::per_peer::Client;
use super::phase::Activity;
use super::security::is_http2;
use super::turns::{Claim, Turns, in_turn};

/// Said to a client that does not know of TLS.
const NO_TLS: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n\
    Client sent an HTTP request to an HTTPS server.\n";

/// Bytes of a request without TLS that are read behind its first ones.
const REQUEST: u64 = 64 << 10;

/// How the methods begin that such a client sends.
const METHODS: [&[u8; 5]; 5] = [b"GET /", b"HEAD ", b"POST ", b"PUT /", b"OPTIO"];

/// First byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;

/// Serves a connection of whatever transport until its end.
pub(super) async fn run<S, B>(
    stream: S,
    client: Client,
    context: Arc<Context<B>>,
    watcher: Watcher,
    activity: Rc<Activity>,
) where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    B: Backend,
{
    let peer = client.peer();
    let Some(config) = context.security.tls() else {
        let connection = connection::run(stream, Protocol::Http1, client, context, watcher, activity);
        return Box::pin(connection).await;
    };
    let handshake = Box::pin(handshake(
        stream,
        config,
        Arc::clone(&context.handshakes),
        &client,
    ));
    match timeout(context.limits.handshake, handshake).await {
        Ok(Ok(Some(mut stream))) => {
            let room = Limits::room_beside(context.open());
            stream.get_mut().1.set_buffer_limit(Some(room.encrypted));
            let protocol = if is_http2(stream.get_ref().1.alpn_protocol()) {
                Protocol::Http2
            } else {
                Protocol::Http1
            };
            activity.begin(protocol == Protocol::Http2);
            Box::pin(connection::run(
                stream, protocol, client, context, watcher, activity,
            ))
            .await;
        }
        Ok(Ok(None)) => {}
        Ok(Err(error)) => failed(&context, peer, &error),
        Err(_) => failed(&context, peer, &"it took too long"),
    }
}

/// Counts a failed handshake; a client's operator sees as a rule only that it failed.
fn failed<B>(context: &Context<B>, peer: Peer, why: &dyn Display) {
    context.telemetry.web_config().handshake_failed();
    tracing::warn!(target: CLIENT, %peer, "TLS handshake failed: {why}");
}

/// Takes turns, but for the first bytes. `None` when the client left at once: some load balancers only look whether they can connect.
async fn handshake<S>(
    stream: S,
    config: Arc<ServerConfig>,
    turns: Arc<Turns>,
    client: &Client,
) -> io::Result<Option<TlsStream<Prefixed<S>>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Some(stream) = first_bytes(stream).await? else {
        return Ok(None);
    };
    let claim = Claim::Handshake(client);
    if METHODS.iter().any(|method| stream.prefix == *method) {
        in_turn(Box::pin(refuse(stream.stream)), turns, claim).await?;
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the client speaks plain HTTP",
        ));
    }
    let accept = async { TlsAcceptor::from(config).accept(stream).await };
    in_turn(Box::pin(accept), turns, claim).await.map(Some)
}

/// Enough to tell a handshake from a request; `None` when there are none.
async fn first_bytes<S: AsyncRead + Unpin>(mut stream: S) -> io::Result<Option<Prefixed<S>>> {
    let mut prefix = Vec::with_capacity(METHODS[0].len());
    while prefix.len() < METHODS[0].len() && prefix.first().is_none_or(|first| *first != HANDSHAKE) {
        match stream.read_u8().await {
            Ok(byte) => prefix.push(byte),
            Err(_) if prefix.is_empty() => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(Prefixed { prefix, stream }))
}

/// Says what is wrong. What else the client sends is read, since a close before would reset the answer away: as much as a request's
/// head may be. Who sends more may lose the answer.
async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> io::Result<()> {
    stream.write_all(NO_TLS).await?;
    stream.shutdown().await?;
    let mut sink = tokio::io::sink();
    let mut rest = stream.take(REQUEST);
    let drain = tokio::io::copy(&mut rest, &mut sink);
    let _ = timeout(Duration::from_secs(1), drain).await;
    Ok(())
}

/// A stream of which some bytes were read already.
struct Prefixed<S> {
    prefix: Vec<u8>,
    stream: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefixed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.prefix.is_empty() || buffer.remaining() == 0 {
            return Pin::new(&mut self.stream).poll_read(task, buffer);
        }
        let length = self.prefix.len().min(buffer.remaining());
        let bytes: Vec<u8> = self.prefix.drain(..length).collect();
        buffer.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefixed<S> {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Task<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(task, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(task, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(task)
    }
}
