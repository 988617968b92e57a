//! The scrape thread: it takes requests, and runs scrapes for them in rounds.

use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_schema::Collector;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

use super::config::Config;
use super::drop_guard;
use super::target::{Surroundings, Target};
use crate::catalog::Catalog;
use crate::postgres::connect::Endpoint;
use crate::scrape::overview::model::Overview;
use crate::scrape::overview::server;
use crate::scrape::request::{Gone, Page, Request};
use crate::scrape::rows::batch::Batch;
use crate::scrape::rows::row::Row;
use crate::scrape::rows::typed::DatabaseRows;
use crate::scrape::schedule::queue::Rounds;

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
            let local = tokio::task::LocalSet::new();
            local.block_on(
                &runtime,
                serve(
                    inbox,
                    Rc::new(Target::new(
                        endpoint,
                        config,
                        catalog,
                        surroundings,
                        server::wanted(),
                    )),
                ),
            );
        })?;
        Ok((Self { messages }, thread))
    }

    /// A page, from the run that is on already or from a new one.
    ///
    /// # Errors
    /// When the scrape thread is gone.
    pub async fn page(&self, request: Request) -> Result<Page, Gone> {
        let (reply, answer) = oneshot::channel();
        self.messages
            .send(Message::Page(request, reply))
            .await
            .map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
    }

    /// What to show to people.
    ///
    /// # Errors
    /// When the scrape thread is gone.
    pub async fn overview(&self) -> Result<Overview, Gone> {
        let (reply, answer) = oneshot::channel();
        self.messages
            .send(Message::Overview(reply))
            .await
            .map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
    }

    /// The rows of `R`'s branch as it was last read, for each database that has a result. Results are kept from the first
    /// call on, so the execution after it is the first that is found; [`RowHandlers`](crate::scrape::RowHandlers) miss none.
    ///
    /// A branch that a layer has replaced, by another statement or other columns, has none.
    ///
    /// # Errors
    /// When the scrape thread is gone.
    pub async fn rows<R: Row>(&self) -> Result<Vec<DatabaseRows<R>>, Gone> {
        let (reply, answer) = oneshot::channel();
        self.messages
            .send(Message::Rows(Box::new(R::COLLECTOR), reply))
            .await
            .map_err(|_| Gone)?;
        let rows = answer.await.map_err(|_| Gone)?.into_iter();
        Ok(rows
            .map(|(database, batch)| DatabaseRows::new(database, batch))
            .collect())
    }
}

async fn serve(mut inbox: mpsc::Receiver<Message>, target: Rc<Target>) {
    let mut rounds = Rounds::default();
    let mut sweep = tokio::time::interval(SWEEP);
    tokio::task::spawn_local(drop_guard::keep_making(Rc::clone(&target)));
    loop {
        rounds.begin(&target);
        let next = rounds.next(&target);
        tokio::select! {
            message = inbox.recv() => match message {
                Some(Message::Page(request, reply)) => rounds.join(&target, request, reply),
                Some(Message::Overview(reply)) => {
                    // Nobody waits any more: nothing to do about it.
                    let _ = reply.send(target.overview());
                }
                Some(Message::Rows(collector, reply)) => {
                    let _ = reply.send(target.rows(&collector));
                }
                None => return,
            },
            at = rounds.ended() => rounds.finish(at, &target),
            () = sleep_until(next.unwrap_or_else(far).into()), if next.is_some() => {
                rounds.release(&target, Instant::now());
            }
            _ = sweep.tick() => target.sweep(),
        }
    }
}

/// Of no meaning: the branch it is for is off then.
fn far() -> Instant {
    Instant::now() + SWEEP
}
