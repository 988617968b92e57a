//! The scrape thread: one run at a time, further scrapes join it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, Shared};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout_at;

use super::config::Config;
use super::target::{Surroundings, Target};
use super::{DatabaseRows, Gone, Overview, Page, Request};
use crate::catalog::Live;
use crate::target::connect::Endpoint;

/// How often idle connections are looked at between scrapes.
const SWEEP: Duration = Duration::from_secs(10);
/// A run ends at its deadline: so long its page waits for the end, in order to tell how it went.
const SETTLE: Duration = Duration::from_millis(20);
/// Scrapes that wait to be taken up. Beyond it clients wait for their turn to ask.
const BACKLOG: usize = 64;

enum Message {
    Page(Request, oneshot::Sender<Page>),
    Overview(oneshot::Sender<Overview>),
    Rows(String, oneshot::Sender<Vec<DatabaseRows>>),
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
        live: Arc<ArcSwap<Live>>,
        surroundings: Surroundings,
    ) -> std::io::Result<(Self, thread::JoinHandle<()>)> {
        let (messages, inbox) = mpsc::channel(BACKLOG);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new().name("scrape".to_owned()).spawn(move || {
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, serve(inbox, Rc::new(Target::new(endpoint, config, live, surroundings))));
        })?;
        Ok((Self { messages }, thread))
    }

    /// A page, from the run that is on already or from a new one.
    ///
    /// # Errors
    /// When the scrape thread is gone.
    pub async fn page(&self, request: Request) -> Result<Page, Gone> {
        let (reply, answer) = oneshot::channel();
        self.messages.send(Message::Page(request, reply)).await.map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
    }

    /// What to show to people.
    ///
    /// # Errors
    /// When the scrape thread is gone.
    pub async fn overview(&self) -> Result<Overview, Gone> {
        let (reply, answer) = oneshot::channel();
        self.messages.send(Message::Overview(reply)).await.map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
    }

    /// The rows of a branch as the last scrape read them, per database: those of `R` are
    /// [`typed`](DatabaseRows::typed). Results are kept from the first call on, so the scrape after it is the first
    /// that has them.
    ///
    /// # Errors
    /// When the scrape thread is gone.
    pub async fn rows(&self, branch: &str) -> Result<Vec<DatabaseRows>, Gone> {
        let (reply, answer) = oneshot::channel();
        self.messages.send(Message::Rows(branch.to_owned(), reply)).await.map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
    }
}

type Run = Shared<LocalBoxFuture<'static, ()>>;

async fn serve(mut inbox: mpsc::Receiver<Message>, target: Rc<Target>) {
    let current: Rc<RefCell<Option<Run>>> = Rc::default();
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            message = inbox.recv() => match message {
                Some(Message::Page(request, reply)) => {
                    let run = join(&current, &target, request.deadline);
                    tokio::task::spawn_local(answer(Rc::clone(&target), run, request, reply));
                }
                Some(Message::Overview(reply)) => {
                    // Nobody waits any more: nothing to do about it.
                    let _ = reply.send(target.overview());
                }
                Some(Message::Rows(branch, reply)) => {
                    let _ = reply.send(target.rows(&branch));
                }
                None => return,
            },
            _ = sweep.tick() => target.sweep(),
        }
    }
}

/// The run that is on, or a new one.
fn join(current: &Rc<RefCell<Option<Run>>>, target: &Rc<Target>, deadline: Instant) -> Run {
    let mut slot = current.borrow_mut();
    if let Some(run) = slot.as_ref().filter(|run| run.peek().is_none()) {
        return run.clone();
    }
    let target = Rc::clone(target);
    // A task of its own: it goes on when every client has gone, and a panic in it is its own.
    let task = tokio::task::spawn_local(async move { target.run(deadline).await });
    let run: Run = async move {
        if task.await.is_err() {
            tracing::error!("a scrape panicked; the page is made of what was there");
        }
    }
    .boxed_local()
    .shared();
    *slot = Some(run.clone());
    run
}

async fn answer(target: Rc<Target>, run: Run, request: Request, reply: oneshot::Sender<Page>) {
    // At the deadline the page leaves with what is there.
    let _ = timeout_at((request.deadline + SETTLE).into(), run).await;
    if !reply.is_closed() {
        let _ = reply.send(target.page(request.encoding));
    }
}
