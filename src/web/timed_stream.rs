//! The stream of a connection, as its [`Activity`] is told of it.

use std::future::Future as _;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::excess::{Excess, Waiting};
use super::per_peer::Client;
use super::phase::Activity;

/// Bytes read or written in one turn: then every other connection has its own. What a client makes of them, such as a block of
/// 16,000 fields, or a page of 100 MB that it takes as fast as it comes, thus costs the others at most this much.
const READ_TURN: usize = 16 * 1024;
const WRITE_TURN: usize = 256 * 1024;

/// Requests answered in a turn of reading, at the least, by a client that sends nothing but requests: of 512 bytes each.
const FAIR: u64 = 32;

/// A stream that tells when bytes come and when they cannot leave, and takes turns with the others.
///
/// Its end is a slow one where the client may still be sending: bytes that nobody reads would make the system reset the
/// connection, and the client lose the answer that says why.
pub(super) struct Watched<S> {
    stream: S,
    activity: Rc<Activity>,
    read: Turn,
    /// Requests answered when the turn of reading began.
    answers: u64,
    /// What clients may send without being answered.
    excess: Arc<Excess>,
    client: Rc<Client>,
    /// Until there is a turn again.
    pause: Option<Pin<Box<Sleep>>>,
    /// While it waits for one.
    waiting: Option<Waiting>,
    write: Turn,
    /// Whether all is said, and only the client's end is awaited.
    farewell: bool,
}

/// What is left of a turn.
struct Turn {
    left: usize,
    whole: usize,
}

impl Turn {
    fn new(whole: usize) -> Self {
        Self { left: whole, whole }
    }

    /// Whether it is over; the next one begins then.
    fn is_over(&mut self) -> bool {
        let is_over = self.left == 0;
        if is_over {
            self.left = self.whole;
        }
        is_over
    }

    fn take(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
    }
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, activity: Rc<Activity>, excess: Arc<Excess>, client: Rc<Client>) -> Self {
        Self {
            stream,
            activity,
            read: Turn::new(READ_TURN),
            answers: 0,
            excess,
            client,
            pause: None,
            waiting: None,
            write: Turn::new(WRITE_TURN),
            farewell: false,
        }
    }

    /// Waits for the others, where the turn is over; for all of them, where it had few answers. An error where too many wait for them.
    fn turn_to_read(&mut self, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(task));
            self.pause = None;
        }
        if !self.read.is_over() {
            return Poll::Ready(Ok(()));
        }
        let answers = self.activity.answers();
        let answered = answers - std::mem::replace(&mut self.answers, answers);
        if answered < FAIR
            && let Err(wait) = self.excess.take(Instant::now())
        {
            // This turn has to wait for a place: it is still over.
            self.read.left = 0;
            self.waiting = self
                .waiting
                .take()
                .or_else(|| self.excess.wait(self.client.size()));
            if self.waiting.is_none() {
                let error = io::Error::new(
                    io::ErrorKind::QuotaExceeded,
                    "too many clients send without being answered",
                );
                return Poll::Ready(Err(error));
            }
            let mut pause = Box::pin(sleep(wait));
            let _ = pause.as_mut().poll(task);
            self.pause = Some(pause);
            return Poll::Pending;
        }
        self.waiting = None;
        task.waker().wake_by_ref();
        Poll::Pending
    }

    fn wrote(&mut self, result: &Poll<io::Result<usize>>) {
        self.activity.wrote(result.is_ready());
        if let Poll::Ready(Ok(bytes)) = result {
            self.write.take(*bytes);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.turn_to_read(task))?;
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(task, buffer);
        let bytes = buffer.filled().len() - before;
        if bytes > 0 {
            self.activity.read();
            self.read.take(bytes);
        }
        result
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Task<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.write.is_over() {
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = bytes.get(..WRITE_TURN).unwrap_or(bytes);
        let result = Pin::new(&mut self.stream).poll_write(task, piece);
        self.wrote(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Task<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // One that is long goes alone, in pieces.
        if let Some(first) = slices.first().filter(|first| first.len() > WRITE_TURN) {
            return self.poll_write(task, first);
        }
        if self.write.is_over() {
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        let result = Pin::new(&mut self.stream).poll_write_vectored(task, slices);
        self.wrote(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(task);
        // TLS takes bytes before they can leave.
        self.activity.wrote(result.is_ready());
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        if !self.farewell {
            ready!(Pin::new(&mut self.stream).poll_shutdown(task))?;
            if !self.activity.ending() {
                return Poll::Ready(Ok(()));
            }
            self.farewell = true;
        }
        let mut sink = [MaybeUninit::uninit(); 4096];
        loop {
            let mut sink = ReadBuf::uninit(&mut sink);
            ready!(Pin::new(&mut self.stream).poll_read(task, &mut sink))?;
            if sink.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
