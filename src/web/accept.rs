//! The accept loop: a cap on connections, and an end that lets running requests finish.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use prometheus::IntGauge;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, spawn_local, yield_now};
use tokio::time::{Instant, sleep, timeout};

use super::backend::Backend;
use super::context::Context;
use super::limits::Limits;
use super::listen::{Acceptor, Listener, Stream};
use super::peer::Peer;
use super::phase::Activity;
use super::transport;

/// Said to a client when every connection is busy.
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 21\r\nRetry-After: 1\r\nConnection: close\r\n\r\ntoo many connections\n";

/// Clients that are being told so at the same time; more are cut off without a word.
const FAREWELLS: usize = 64;

/// How long a connection has only begun to wait for its client.
const GRACE: Duration = Duration::from_millis(100);

/// Time between two looks for connections that can be closed, while a flood comes in.
const LOOK_PAUSE: Duration = Duration::from_millis(2);

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
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listeners, &mut turn) => accepted,
        };
        match accepted {
            Ok((stream, peer)) if open.make_room(&context.limits).await => {
                let activity = Rc::new(Activity::new());
                let counted = Counted::new(context.telemetry.connections());
                let run = transport::run(
                    stream,
                    peer,
                    Arc::clone(&context),
                    graceful.watcher(),
                    Rc::clone(&activity),
                );
                let task = spawn_local(async move {
                    run.await;
                    drop(counted);
                });
                open.add(task.abort_handle(), activity);
                others_first().await;
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
    transport::run(stream, Peer::new(None), context, graceful.watcher(), activity).await;
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

/// Lets every task run that is ready to: what accepts is the runtime's main task, which would otherwise be preferred to
/// them, and in a flood open connections faster than their requests are read.
async fn others_first() {
    let behind_them = spawn_local(async {});
    // It does not panic.
    let _ = behind_them.await;
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

/// The connections that are open, and some that have ended since the last look.
struct Open {
    entries: Vec<(AbortHandle, Rc<Activity>)>,
    /// How many were open at the last look for ended ones.
    seen: usize,
    /// How many of them had not only begun at the last look for room.
    settled: usize,
    /// When to look for room again: in a flood it would take most of the time.
    look: Instant,
}

impl Open {
    fn new() -> Self {
        Self {
            entries: Vec::new(),
            seen: 0,
            settled: 0,
            look: Instant::now(),
        }
    }

    /// Whether one more may be opened. For its sake those that have waited longest for their clients are closed: thousands
    /// of idle clients do not keep a health check out. One that has only begun to wait is not closed, and not counted: a
    /// flood cannot close a connection between its beginning and its request. Are there too many of those, too, the next
    /// one waits until they have waited.
    async fn make_room(&mut self, limits: &Limits) -> bool {
        let deadline = Instant::now() + 2 * GRACE;
        loop {
            if self.entries.len() >= limits.connections.min(2 * self.seen + 16) {
                self.entries.retain(|(task, _)| !task.is_finished());
                self.seen = self.entries.len();
            }
            if self.entries.len() < limits.connections {
                return true;
            }
            if Instant::now() >= self.look {
                // What has arrived meanwhile is read first: this process may itself have waited for a processor.
                yield_now().await;
                others_first().await;
                self.close_idle(limits.connections);
            }
            let is_busy = self.settled >= limits.connections;
            if !is_busy && self.entries.len() < limits.connections + limits.newcomers {
                return true;
            }
            if is_busy || Instant::now() >= deadline {
                return false;
            }
            sleep(LOOK_PAUSE).await;
        }
    }

    /// Closes as many of those that have waited for a while as are too many for one more.
    fn close_idle(&mut self, most: usize) {
        let now = Instant::now();
        let waiting = self.entries.iter().enumerate();
        let mut waiting: Vec<_> = waiting
            .filter_map(|(place, (_, activity))| Some((activity.waiting_since()?, place)))
            .collect();
        let is_old = |since: Instant| now >= since + GRACE;
        let young = waiting.iter().filter(|((_, since), _)| !is_old(*since)).count();
        waiting.retain(|((_, since), _)| is_old(*since));
        waiting.sort_unstable();
        waiting.truncate((self.entries.len() + 1).saturating_sub(most));
        let mut places: Vec<usize> = waiting.into_iter().map(|(_, place)| place).collect();
        // From behind, so that those before keep their places.
        places.sort_unstable();
        for place in places.into_iter().rev() {
            self.entries.swap_remove(place).0.abort();
        }
        self.settled = self.entries.len() - young;
        self.look = now + LOOK_PAUSE;
    }

    fn add(&mut self, task: AbortHandle, activity: Rc<Activity>) {
        self.entries.push((task, activity));
    }
}

/// Counts a connection while it lives.
struct Counted(IntGauge);

impl Counted {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
