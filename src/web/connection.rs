//! One client connection: HTTP/1, or HTTP/2 behind TLS, with a bound on each phase.
//!
//! hyper has one timer for the wait between requests and the wait for a request's end. Here they differ, and a client
//! that does not take its answer has a third. The timer is only ever moved earlier when needed and found to be early
//! when it fires: a request resets none.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderValue};
use hyper::http::request::Parts;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper::{HeaderMap, Method, Request, Response, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};

use super::answer::Answer;
use super::backend::Backend;
use super::body::Body;
use super::context::Context;
use super::limits::Limits;
use super::peer::Peer;
use super::per_peer::Client;
use super::phase::Activity;
use super::security;
use super::security::Admission;
use super::share::Share;
use super::timed_stream::Watched;
use super::turns::{Claim, Turns, counted, in_turn};
use super::{request, route};
use crate::self_metrics::Page;

/// Bytes of a request's fields under HTTP/2.
const MAX_FIELDS: u32 = 16 * 1024;

/// Requests of HTTP/2 that a client gave up and that are not yet seen; more end the connection, since they cost their
/// client nothing.
const MAX_RESETS: usize = 20;

/// Requests of HTTP/2 that are malformed, or more than may be at once, and answered by a reset; one more ends the connection.
/// A client may send as many as are here before it has heard how many may be. What a malformed one can cost, such as a block
/// that refers 16,000 times to one field, `excess` bounds.
const MAX_MALFORMED: usize = 200;

/// Bytes of requests' bodies under HTTP/2 that may be there before they are thrown away: of one request, and of all, which is
/// the least that the protocol knows.
const BODY_WINDOW: u32 = 16 * 1024;
const BODIES_WINDOW: u32 = 65_535;

/// Bytes of answers that wait for a client of HTTP/2, per request.
const MAX_UNSENT: usize = 64 * 1024;

/// Time between two looks whether a quiet client of HTTP/2 is there, and for its sign of life.
const PING: Duration = Duration::from_secs(30);
const PONG: Duration = Duration::from_secs(10);

/// The target of events about what clients do: the log holds many of them back.
pub(super) const CLIENT: &str = "client";

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Runs the requests of a connection of HTTP/2 where the connection is, as a part of its share.
#[derive(Clone, Debug)]
struct OnThisThread {
    share: Rc<Share>,
    busy: Arc<Turns>,
}

impl<F: Future + 'static> Executor<F> for OnThisThread {
    fn execute(&self, request: F) {
        let (share, busy) = (Rc::clone(&self.share), Arc::clone(&self.busy));
        // Boxed, since there would be room for it in each of three futures: kilobytes a request, thousands of requests in a flood.
        let request = Box::pin(request);
        tokio::task::spawn_local(async move { counted(request, &busy, &share).await });
    }
}

/// Serves a connection until it ends, the client is too slow, or a shutdown finds it idle.
pub(super) async fn run<S, B>(
    stream: S,
    protocol: Protocol,
    client: Client,
    context: Arc<Context<B>>,
    watcher: Watcher,
    activity: Rc<Activity>,
) where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    B: Backend,
{
    let limits = context.limits;
    let room = Limits::room_beside(context.open());
    let (busy, share) = (Arc::clone(&context.busy), Rc::new(Share::new()));
    let client = Rc::new(client);
    let io = TokioIo::new(Watched::new(
        stream,
        Rc::clone(&activity),
        Arc::clone(&context.excess),
        Rc::clone(&client),
    ));
    let service = Handler {
        context,
        peer: client.peer(),
        activity: Rc::clone(&activity),
    };
    // Boxed, since each function that is handed a future has room for it twice: 45 kB a connection.
    match protocol {
        Protocol::Http1 => {
            let connection = http1::Builder::new()
                .max_buf_size(room.head)
                .header_read_timeout(None)
                // `nc -N` and socat end their side behind the request.
                .half_close(true)
                .serve_connection(io, service);
            let connection = in_turn(
                Box::pin(watcher.watch(connection)),
                busy,
                Claim::Connection(&share, &client),
            );
            serve(connection, &activity, &limits).await;
        }
        Protocol::Http2 => {
            let on_this_thread = OnThisThread {
                share: Rc::clone(&share),
                busy: Arc::clone(&busy),
            };
            let connection = http2::Builder::new(on_this_thread)
                .timer(TokioTimer::new())
                .max_header_list_size(MAX_FIELDS)
                .max_concurrent_streams(room.requests)
                .max_pending_accept_reset_streams(MAX_RESETS)
                .max_local_error_reset_streams(MAX_MALFORMED)
                .initial_stream_window_size(BODY_WINDOW)
                .initial_connection_window_size(BODIES_WINDOW)
                .max_send_buf_size(MAX_UNSENT)
                .keep_alive_interval(PING)
                .keep_alive_timeout(PONG)
                .serve_connection(io, service);
            let connection = in_turn(
                Box::pin(watcher.watch(connection)),
                busy,
                Claim::Connection(&share, &client),
            );
            serve(connection, &activity, &limits).await;
        }
    }
}

/// Drives a connection to its end, of whichever kind.
async fn serve<C>(connection: C, activity: &Activity, limits: &Limits)
where
    C: Future<Output = hyper::Result<()>>,
{
    match bounded(connection, activity, limits).await {
        Some(Err(error)) if !is_farewell(&error) => tracing::debug!(%error, "client connection ended"),
        Some(_) => {}
        None => tracing::debug!("client connection closed: it was idle or too slow"),
    }
}

/// Polls `connection` while its phase is within its bound; `None` when it was not.
async fn bounded<F: Future>(connection: F, activity: &Activity, limits: &Limits) -> Option<F::Output> {
    let mut connection = pin!(connection);
    let mut sleep = pin!(sleep_until(activity.due(limits)));
    poll_fn(|task| {
        if let Poll::Ready(output) = connection.as_mut().poll(task) {
            return Poll::Ready(Some(output));
        }
        loop {
            let due = activity.due(limits);
            if due < sleep.deadline() {
                sleep.as_mut().reset(due);
            }
            if sleep.as_mut().poll(task).is_pending() {
                return Poll::Pending;
            }
            if due <= Instant::now() {
                return Poll::Ready(None);
            }
            sleep.as_mut().reset(due);
        }
    })
    .await
}

/// Whether a client just left: load balancers reset a connection as soon as they have their answer.
fn is_farewell(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    let kind = source.map(io::Error::kind);
    let left = [
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::BrokenPipe,
        io::ErrorKind::NotConnected,
    ];
    error.is_incomplete_message() || kind.is_some_and(|kind| left.contains(&kind))
}

/// Answers the requests of one connection.
struct Handler<B> {
    context: Arc<Context<B>>,
    peer: Peer,
    activity: Rc<Activity>,
}

impl<B: Backend> Service<Request<Incoming>> for Handler<B> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering<B>;

    fn call(&self, request: Request<Incoming>) -> Answering<B> {
        self.activity.asked();
        let (head, body) = request.into_parts();
        let without_body = head.method == Method::HEAD && head.version == Version::HTTP_2;
        let answer = match request::check(&head) {
            Err(refusal) => Answer::Now(self.refuse(refusal, head.headers)),
            Ok(()) if request::has_body(&body) => {
                self.activity.awaiting_body();
                Answer::Later(Box::pin(self.clone().with_body(head, body)))
            }
            Ok(()) => {
                self.activity.serving();
                self.answer(head)
            }
        };
        Answering {
            answer: Some(answer),
            counted: true,
            without_body,
            context: Arc::clone(&self.context),
            activity: Rc::clone(&self.activity),
        }
    }
}

impl<B: Backend> Handler<B> {
    /// The answer, if the request may ask.
    fn answer(&self, head: Parts) -> Answer {
        match self.context.security.admit(&head, self.peer) {
            Admission::Granted => route::answer(&self.context, head),
            Admission::Refused(refusal) => Answer::Now(self.turn_away(head, &refusal)),
            Admission::Later(admitted) => {
                let handler = self.clone();
                Answer::Later(Box::pin(async move {
                    match admitted.await {
                        Ok(()) => route::answer(&handler.context, head).made().await,
                        Err(refusal) => handler.turn_away(head, &refusal),
                    }
                }))
            }
        }
    }

    /// Refuses who may not ask; a name or password that was wrong is worth a line.
    fn turn_away(&self, head: Parts, refusal: &security::Refusal) -> Response<Body> {
        if matches!(refusal, security::Refusal::Unknown) && head.headers.contains_key(AUTHORIZATION) {
            // Neither is shown: people mix them up.
            tracing::warn!(target: CLIENT, peer = %self.peer, "wrong name or password");
        }
        route::refuse(&self.context, head, refusal)
    }

    /// Answers when the body has come.
    async fn with_body(self, head: Parts, body: Incoming) -> Response<Body> {
        if let Err(refusal) = request::discard(body, self.context.limits.request).await {
            return self.refuse(refusal, head.headers);
        }
        self.activity.serving();
        self.answer(head).made().await
    }

    fn refuse(&self, refusal: request::Refusal, map: HeaderMap) -> Response<Body> {
        self.activity.cut_short();
        let response = refusal.answer(map);
        self.context
            .telemetry
            .answered(Page::Unknown, response.status().as_u16());
        response
    }
}

impl<B> Clone for Handler<B> {
    fn clone(&self) -> Self {
        Self {
            context: Arc::clone(&self.context),
            peer: self.peer,
            activity: Rc::clone(&self.activity),
        }
    }
}

/// An answer in the making.
struct Answering<B> {
    answer: Option<Answer>,
    /// Whether the connection still counts it; also of one that panicked.
    counted: bool,
    /// hyper leaves out the body of an answer to HEAD, but not under HTTP/2.
    without_body: bool,
    context: Arc<Context<B>>,
    activity: Rc<Activity>,
}

impl<B> Drop for Answering<B> {
    fn drop(&mut self) {
        if self.counted {
            self.activity.answered();
        }
    }
}

impl<B> Future for Answering<B> {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let mut response = match self.answer.take() {
            Some(Answer::Now(response)) => response,
            Some(Answer::Later(mut future)) => match future.as_mut().poll(task) {
                Poll::Ready(response) => response,
                Poll::Pending => {
                    self.answer = Some(Answer::Later(future));
                    return Poll::Pending;
                }
            },
            None => return Poll::Pending,
        };
        self.context.security.adorn(response.headers_mut());
        if self.without_body {
            let length = HeaderValue::from(std::mem::take(response.body_mut()).len());
            response.headers_mut().insert(CONTENT_LENGTH, length);
        }
        response.body_mut().hold(self.activity.sending());
        self.activity.answered();
        self.counted = false;
        Poll::Ready(Ok(response))
    }
}
