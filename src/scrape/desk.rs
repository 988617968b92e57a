//! Where a target's clients ask: it tells the scrape queue what happens, and does what that says.

use std::cell::Cell;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{FutureExt as _, LocalBoxFuture};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{Instant, sleep_until, timeout};

use super::answers::Answers;
use super::memory::Ceiling;
use super::message::Message;
use super::overview::model;
use super::request::{Page, Request};
use super::run::target::Target;
use super::schedule::queue::{Action, Client, ClientId, Event, Queue};
use super::schedule::run_id::{RunId, RunStart};
use super::summary::Summaries;
use super::tools::Tools;
use crate::health::Rhythm;
use crate::values::{about, this_target};

/// How often idle connections are looked at between scrapes.
const SWEEP: Duration = Duration::from_secs(10);

/// How long runs may take to end when their target is removed; each ends what it runs on the server.
const FAREWELL: Duration = Duration::from_secs(2);

/// Serves a target until the last handle on it is dropped. A panic outside of a run costs what was known of the target: it begins
/// anew.
pub(in crate::scrape) async fn serve(
    make: impl Fn(&Tools) -> Target,
    summaries: Summaries,
    mut inbox: mpsc::Receiver<Message>,
    tools: Tools,
) {
    loop {
        let mut desk = Desk::new(make(&tools), summaries.clone(), &tools);
        match AssertUnwindSafe(desk.serve(&mut inbox)).catch_unwind().await {
            Ok(()) => return desk.end().await,
            Err(_) => tracing::error!("a target's scrape task panicked; it begins anew"),
        }
    }
}

/// A client that waits.
struct Waiting {
    request: Request,
    reply: oneshot::Sender<Page>,
}

/// A run that is on.
struct Running {
    run: RunStart,
    /// When it ends at the latest.
    end: Rc<Cell<Instant>>,
}

struct Desk {
    target: Rc<Target>,
    queue: Queue,
    answers: Answers,
    summaries: Summaries,
    guard: AbortHandle,
    ceiling: Ceiling,
    rhythm: Rhythm,
    last_client: u64,
    waiting: HashMap<ClientId, Waiting>,
    running: HashMap<RunId, Running>,
    /// Ready when the run of that id has ended.
    ends: FuturesUnordered<LocalBoxFuture<'static, RunId>>,
}

impl Desk {
    fn new(target: Target, summaries: Summaries, tools: &Tools) -> Self {
        let target = Rc::new(target);
        let guarded = Rc::clone(&target);
        let guard = spawn_local(about(this_target(), async move { guarded.keep_guard().await }));
        Self {
            queue: Queue::new(target.slots()),
            target,
            answers: Answers::compressed_by(tools.compressors.clone()),
            summaries,
            guard: guard.abort_handle(),
            ceiling: Ceiling::default(),
            rhythm: tools.rhythm,
            last_client: 0,
            waiting: HashMap::new(),
            running: HashMap::new(),
            ends: FuturesUnordered::new(),
        }
    }

    /// Serves until the last handle is dropped.
    async fn serve(&mut self, inbox: &mut mpsc::Receiver<Message>) {
        let mut sweep = self.rhythm.next(SWEEP);
        loop {
            let wake = self.queue.wake_at();
            tokio::select! {
                message = inbox.recv() => match message {
                    Some(message) => self.take(message),
                    None => return,
                },
                Some(run) = self.ends.next() => self.ended(run),
                // Of no meaning without a time: the branch is off then.
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => self.tell(Event::Tick),
                () = sleep_until(sweep) => {
                    self.sweep();
                    sweep = self.rhythm.next(SWEEP);
                }
            }
        }
    }

    fn sweep(&mut self) {
        self.target.sweep();
        self.summaries.swept(&self.target);
        if self.target.config.shares_process && self.ceiling.is_reached() {
            self.answers.forget_renderings();
        }
    }

    /// Nobody asks any more: what runs is ended, and every session closed in order.
    async fn end(mut self) {
        let now = Instant::now();
        self.running.values().for_each(|running| running.end.set(now));
        let ended = async { while self.ends.next().await.is_some() {} };
        let _ = timeout(FAREWELL, ended).await;
        self.target.close();
    }

    fn take(&mut self, message: Message) {
        // Where nobody waits for the answer any more, there is nothing to do about it.
        match message {
            Message::Page(request, reply) => self.admit(request, reply),
            Message::Overview(mut reply) => {
                let overview = model::overview(Rc::clone(&self.target), self.answers.problems());
                spawn_local(about(this_target(), async move {
                    let overview = tokio::select! {
                        () = reply.closed() => return,
                        overview = overview => overview,
                    };
                    let _ = reply.send(overview);
                }));
            }
            Message::Rows(collector, reply) => {
                let _ = reply.send(self.target.rows(&collector));
            }
        }
    }

    fn admit(&mut self, request: Request, reply: oneshot::Sender<Page>) {
        self.last_client += 1;
        let client = Client {
            id: ClientId(self.last_client),
            selection: request.selection.clone(),
            deadline: request.deadline.into(),
        };
        self.waiting.insert(client.id, Waiting { request, reply });
        self.tell(Event::Asks(client));
    }

    fn ended(&mut self, run: RunId) {
        self.tell(Event::Ended(run));
        self.running.remove(&run);
        self.target.retire_run(run);
        self.summaries.run_ended(&self.target);
    }

    /// Tells the queue what happened, and who has gone meanwhile before that; does what it says.
    fn tell(&mut self, event: Event) {
        let gone: Vec<_> = self
            .waiting
            .extract_if(|_, waiting| waiting.reply.is_closed())
            .map(|(client, _)| client)
            .collect();
        let events = gone.into_iter().map(Event::Gone).chain([event]);
        for event in events.collect::<Vec<_>>() {
            for action in self.queue.handle(event) {
                self.act(action);
            }
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Begin { run, selection, end } => {
                let end = Rc::new(Cell::new(end));
                self.target.begin_run(run, &selection);
                let (target, limit) = (Rc::clone(&self.target), Rc::clone(&end));
                // A task of its own: a panic in it costs this run only.
                let task = spawn_local(about(this_target(), async move {
                    target.run(run, &limit, &selection).await;
                }));
                self.ends.push(Box::pin(async move {
                    if task.await.is_err() {
                        tracing::error!("a scrape panicked; the page is made of what was there");
                    }
                    run.id
                }));
                self.running.insert(run.id, Running { run, end });
            }
            Action::Extend { run, end } => {
                if let Some(running) = self.running.get(&run) {
                    running.end.set(end);
                }
            }
            Action::Answer { client, run } => self.answer(client, run),
        }
    }

    fn answer(&mut self, client: ClientId, run: Option<RunId>) {
        let Some(Waiting { request, reply }) = self.waiting.remove(&client) else {
            return;
        };
        let run = run
            .and_then(|run| self.running.get(&run))
            .map(|running| running.run);
        let run = run.unwrap_or_else(|| self.target.last_run());
        // A client that goes just now wants nothing any more.
        let _ = reply.send(self.answers.page(&self.target, &request, run));
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.guard.abort();
    }
}
