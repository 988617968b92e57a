//! The accept loop: a cap on connections, and an end that lets running requests finish.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use prometheus::IntGauge;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::activity::Activity;
use super::listen::{Acceptor, Listener, Stream};
use super::{Backend, Context, connection};

/// Said to a client when every connection is busy.
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 21\r\nRetry-After: 1\r\nConnection: close\r\n\r\ntoo many connections\n";

/// Clients that are being told so at the same time; more are cut off without a word.
const FAREWELLS: usize = 64;

/// Pause after the system refused a connection, for want of file descriptors as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` completes, then lets running requests end, within the limit for that.
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
    let graceful = GracefulShutdown::new();
    let farewells = Arc::new(Semaphore::new(FAREWELLS));
    let mut open = Open::default();
    let mut shutdown = pin!(shutdown);
    let mut turn = 0;
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listeners, &mut turn) => accepted,
        };
        match accepted {
            Ok(stream) if open.has_room(context.limits.connections) => {
                let activity = Arc::new(Activity::new());
                let counted = Counted::new(context.telemetry.connections());
                let run = connection::run(
                    stream,
                    Arc::clone(&context),
                    graceful.watcher(),
                    Arc::clone(&activity),
                );
                let task = tokio::spawn(async move {
                    run.await;
                    drop(counted);
                });
                open.add(task.abort_handle(), activity);
            }
            Ok(stream) => {
                context.telemetry.rejected();
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
    if timeout(context.limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time and are cut off");
    }
    Ok(())
}

/// The next connection of any listener. They take turns: a flood on one leaves the others reachable.
async fn accept(listeners: &[Acceptor], turn: &mut usize) -> io::Result<Stream> {
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

/// The connections that are open, and some that have ended since the last look.
#[derive(Default)]
struct Open {
    entries: Vec<(AbortHandle, Arc<Activity>)>,
    /// How many were open at the last look.
    seen: usize,
}

impl Open {
    /// Whether one more may be opened. For its sake the one that has waited longest for its client is closed: thousands
    /// of idle clients do not keep a health check out.
    fn has_room(&mut self, most: usize) -> bool {
        if self.entries.len() >= most.min(2 * self.seen + 16) {
            self.entries.retain(|(task, _)| !task.is_finished());
            self.seen = self.entries.len();
        }
        if self.entries.len() < most {
            return true;
        }
        let waiting = self
            .entries
            .iter()
            .enumerate()
            .filter_map(|(i, (_, activity))| Some((activity.waiting_since()?, i)));
        let Some((_, longest)) = waiting.min() else {
            return false;
        };
        self.entries.swap_remove(longest).0.abort();
        true
    }

    fn add(&mut self, task: AbortHandle, activity: Arc<Activity>) {
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
