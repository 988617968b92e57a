//! The scrape thread: it takes what clients ask for, does what the scrape queue says, and answers.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use pg_exporter_schema::Collector;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::answers::Answers;
use super::overview::from_rows;
use super::overview::model::{self, Overview};
use super::request::{Gone, Page, Request};
use super::rows::batch::Batch;
use super::rows::row::Row;
use super::rows::typed::DatabaseRows;
use super::run::config::Config;
use super::run::target::{Surroundings, Target};
use super::schedule::queue::{Action, Client, ClientId, Event, Queue};
use super::schedule::run_id::{RunId, RunStart};
use crate::catalog::Catalog;
use crate::postgres::connect::Endpoint;

/// How often idle connections are looked at between scrapes.
const SWEEP: Duration = Duration::from_secs(10);
/// Scrapes that wait to be taken up. Beyond it clients wait for their turn to ask.
const BACKLOG: usize = 64;

enum Message {
    Page(Request, oneshot::Sender<Page>),
    Overview(oneshot::Sender<Overview>),
    Rows(Box<Collector>, oneshot::Sender<Vec<(String, Arc<Batch>)>>),
}

/// A handle on the scrape thread, cheap to clone. The thread ends when the last handle is dropped.
#[derive(Clone, Debug)]
pub struct Scraper {
    messages: mpsc::Sender<Message>,
}

impl Scraper {
    /// Starts the scrape thread of a target.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be made.
    pub fn start(
        endpoint: Endpoint,
        config: Config,
        catalog: Arc<Catalog>,
        surroundings: Surroundings,
    ) -> std::io::Result<(Self, thread::JoinHandle<()>)> {
        let (messages, inbox) = mpsc::channel(BACKLOG);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = thread::Builder::new().name("scrape".to_owned()).spawn(move || {
            let target = Target::new(endpoint, config, catalog, surroundings, from_rows::wanted());
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, Desk::new(target).serve(inbox));
        })?;
        Ok((Self { messages }, thread))
    }

    /// A page, from the run that is on already or from a new one.
    ///
    /// # Errors
    /// When the scrape thread is gone.
    pub async fn page(&self, request: Request) -> Result<Page, Gone> {
        self.ask(|reply| Message::Page(request, reply)).await
    }

    /// What to show to people.
    ///
    /// # Errors
    /// When the scrape thread is gone.
    pub async fn overview(&self) -> Result<Overview, Gone> {
        self.ask(Message::Overview).await
    }

    /// The rows of `R`'s branch as it was last read, for each database that has a result. Results are kept from the first
    /// call on, so the execution after it is the first that is found; [`RowHandlers`](crate::scrape::RowHandlers) miss none.
    ///
    /// A branch that a layer has replaced, by another statement or other columns, has none.
    ///
    /// # Errors
    /// When the scrape thread is gone.
    pub async fn rows<R: Row>(&self) -> Result<Vec<DatabaseRows<R>>, Gone> {
        let rows = self
            .ask(|reply| Message::Rows(Box::new(R::COLLECTOR), reply))
            .await?;
        let rows = rows.into_iter();
        Ok(rows
            .map(|(database, batch)| DatabaseRows::new(database, batch))
            .collect())
    }

    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> Result<T, Gone> {
        let (reply, answer) = oneshot::channel();
        self.messages.send(message(reply)).await.map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
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

/// Where clients ask: it tells the queue what happens, and does what that says.
struct Desk {
    target: Rc<Target>,
    queue: Queue,
    answers: Answers,
    last_client: u64,
    waiting: HashMap<ClientId, Waiting>,
    running: HashMap<RunId, Running>,
    /// Ready when the run of that id has ended.
    ends: FuturesUnordered<LocalBoxFuture<'static, RunId>>,
}

impl Desk {
    fn new(target: Target) -> Self {
        Self {
            queue: Queue::new(target.slots()),
            target: Rc::new(target),
            answers: Answers::default(),
            last_client: 0,
            waiting: HashMap::new(),
            running: HashMap::new(),
            ends: FuturesUnordered::new(),
        }
    }

    /// Serves until the last handle is dropped.
    async fn serve(mut self, mut inbox: mpsc::Receiver<Message>) {
        let mut sweep = tokio::time::interval(SWEEP);
        let guarded = Rc::clone(&self.target);
        tokio::task::spawn_local(async move { guarded.keep_guard().await });
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
                _ = sweep.tick() => self.target.sweep(),
            }
        }
    }

    fn take(&mut self, message: Message) {
        // Where nobody waits for the answer any more, there is nothing to do about it.
        match message {
            Message::Page(request, reply) => self.admit(request, reply),
            Message::Overview(reply) => {
                let _ = reply.send(model::overview(&self.target, self.answers.problems()));
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
                let task = tokio::task::spawn_local(async move { target.run(run, &limit, &selection).await });
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
