//! The accept loop: a cap on connections, and an end that lets running requests finish.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout};

use super::backend::Backend;
use super::context::Context;
use super::listen::{Acceptor, Listener, Stream};
use super::open::{Open, others_first};
use super::peer::Peer;
use super::phase::Activity;
use super::transport;

/// Said to a client when every connection is busy.
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 21\r\nRetry-After: 1\r\nConnection: close\r\n\r\ntoo many connections\n";

/// Clients that are being told so at the same time; more are cut off without a word.
const FAREWELLS: usize = 64;

/// Time for connections that are accepted in a row, before all others go on.
const ROUND: Duration = Duration::from_micros(250);

/// Pause after the system refused a connection, for want of file descriptors as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` completes, then lets running requests end, within the limit for that. Needs a
/// [`LocalRuntime`](tokio::runtime::LocalRuntime): connections stay on the thread that accepts them.
///
/// # Errors
/// When a listener cannot be used.
pub async fn serve<B: Backend>(
    listeners: Vec<Listener>,
    context: Arc<Context<B>>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let listeners = listeners
        .into_iter()
        .map(Acceptor::new)
        .collect::<io::Result<Vec<_>>>()?;
    let watch = Arc::clone(&context.security).watch(context.telemetry.web_config().clone());
    let watch = tokio::spawn(watch);
    let graceful = GracefulShutdown::new();
    let farewells = Arc::new(Semaphore::new(FAREWELLS));
    let mut open = Open::new();
    let mut shutdown = pin!(shutdown);
    let mut turn = 0;
    let mut round = Instant::now();
    loop {
        if round.elapsed() >= ROUND {
            others_first().await;
            round = Instant::now();
        }
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listeners, &mut turn) => accepted,
        };
        match accepted {
            Ok((stream, peer)) if open.make_room(peer, &context.limits).await => {
                let activity = Rc::new(Activity::new());
                let counted = open.count(context.telemetry.connections());
                let run = transport::run(
                    stream,
                    context.per_peer.count(peer),
                    Arc::clone(&context),
                    graceful.watcher(),
                    Rc::clone(&activity),
                );
                let task = spawn_local(async move {
                    run.await;
                    drop(counted);
                });
                open.add(task.abort_handle(), activity, peer);
            }
            Ok((stream, _)) => {
                context.telemetry.rejected();
                // A client of TLS would not understand.
                if context.security.has_tls() {
                    continue;
                }
                if let Ok(permit) = Arc::clone(&farewells).try_acquire_owned() {
                    tokio::spawn(async move {
                        let _ = timeout(Duration::from_secs(1), refuse(stream)).await;
                        drop(permit);
                    });
                }
            }
            Err(error) if is_passing(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listeners);
    watch.abort();
    if timeout(context.limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time and are cut off");
    }
    Ok(())
}

/// Serves one connection that is there already, over whatever transport, as [`serve`] does each that it accepts. Needs a
/// [`LocalRuntime`](tokio::runtime::LocalRuntime), too.
pub async fn serve_connection<S, B>(stream: S, context: Arc<Context<B>>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    B: Backend,
{
    let graceful = GracefulShutdown::new();
    let activity = Rc::new(Activity::new());
    let client = context.per_peer.count(Peer::new(None));
    transport::run(stream, client, context, graceful.watcher(), activity).await;
}

/// The next connection of any listener. They take turns: a flood on one leaves the others reachable.
async fn accept(listeners: &[Acceptor], turn: &mut usize) -> io::Result<(Stream, Peer)> {
    poll_fn(|task| {
        let places = (0..listeners.len()).map(|place| (*turn + place) % listeners.len());
        for place in places {
            let polled = listeners.get(place).map(|listener| listener.poll_accept(task));
            if let Some(Poll::Ready(result)) = polled {
                *turn = place + 1;
                return Poll::Ready(result);
            }
        }
        Poll::Pending
    })
    .await
}

/// Whether only that one connection failed.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

/// Says that there are too many connections. The request is read, since a close before would reset the answer away.
async fn refuse(mut stream: Stream) -> io::Result<()> {
    stream.write_all(BUSY).await?;
    stream.shutdown().await?;
    let mut sink = [0; 1024];
    while stream.read(&mut sink).await? > 0 {}
    Ok(())
}
