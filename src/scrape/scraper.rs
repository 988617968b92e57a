//! A handle on one target's scrapes: what is asked goes to its scrape thread, the answer comes back.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::desk;
use super::message::Message;
use super::overview::from_rows;
use super::overview::model::Overview;
use super::request::{Gone, Page, Request};
use super::rows::row::Row;
use super::rows::typed::DatabaseRows;
use super::run::config::Config;
use super::run::target::{Surroundings, Target};
use super::summary::{Summaries, Summary};
use super::thread::ScrapeThread;
use super::tools::Tools;
use crate::catalog::Catalog;
use crate::postgres::connect::Endpoint;
use crate::values::about;

/// Scrapes that wait to be taken up. Beyond it clients wait for their turn to ask.
const BACKLOG: usize = 64;

/// A handle on a target's scrapes, cheap to clone. They end, and their connections close, when the last handle is dropped.
#[derive(Clone, Debug)]
pub struct Scraper {
    messages: mpsc::Sender<Message>,
    summaries: Summaries,
    /// The thread lives as long as who may ask it.
    _thread: ScrapeThread,
}

impl Scraper {
    /// Makes a target on that thread.
    #[must_use]
    pub fn start(
        thread: &ScrapeThread,
        endpoint: Endpoint,
        config: Config,
        catalog: Arc<Catalog>,
        surroundings: Surroundings,
    ) -> Self {
        let (messages, inbox) = mpsc::channel(BACKLOG);
        let summaries = Summaries::default();
        let written = summaries.clone();
        let target = config.target.clone();
        thread.spawn(move |tools| {
            let make = move |tools: &Tools| {
                let (endpoint, config) = (endpoint.clone(), config.clone());
                let (catalog, surroundings) = (Arc::clone(&catalog), surroundings.clone());
                Target::new(
                    endpoint,
                    config,
                    catalog,
                    surroundings,
                    from_rows::wanted(),
                    tools,
                )
            };
            Box::pin(about(target, desk::serve(make, written, inbox, tools)))
        });
        Self {
            messages,
            summaries,
            _thread: thread.clone(),
        }
    }

    /// The target after its last scrape, in figures. Never waits.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.summaries.load()
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
