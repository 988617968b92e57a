//! One database: what is known of it, and who may turn to it.

mod access;
mod replan;
mod state;

use std::cell::RefCell;
use std::collections::BTreeSet;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::postgres::connect::Endpoint;
use crate::postgres::failure::Failure;
use crate::scrape::schedule::run_id::{RunId, RunStart};

use access::left;
pub(in crate::scrape) use state::{Pass, Planned, State};

/// A database that is scraped: the URL's, or a discovered one.
#[derive(Debug)]
pub struct Database {
    /// Its name as the connection asks for it.
    pub name: String,
    /// Whether it was discovered rather than named by the URL.
    pub discovered: bool,
    /// Since when it is known.
    pub(in crate::scrape) known_since: Instant,
    /// Where to connect.
    pub(in crate::scrape) endpoint: Endpoint,
    /// Tells a scrape that is under way that someone wants it for themselves.
    leaving: Notify,
    /// Borrowed for moments only, never across a wait.
    pub(in crate::scrape) state: RefCell<State>,
}

impl Database {
    /// A database that has not been scraped.
    #[must_use]
    pub fn new(endpoint: Endpoint, name: &str, discovered: bool) -> Self {
        Self {
            name: name.to_owned(),
            discovered,
            known_since: Instant::now(),
            endpoint,
            leaving: Notify::new(),
            state: RefCell::default(),
        }
    }

    /// Someone wants it for themselves: a scrape that is under way ends, and none begins for a while. The caller closes
    /// its idle session.
    pub fn leave(&self) {
        if !self.is_left() {
            tracing::info!(database = %self.name, "someone drops, renames or copies the database: leaving it alone");
        }
        self.state.borrow_mut().access.leave();
        self.leaving.notify_waiters();
    }

    /// Whether it is left alone now.
    pub(in crate::scrape) fn is_left(&self) -> bool {
        self.state.borrow().access.is_left()
    }

    /// Waits until someone wants it: why it cannot be scraped then.
    pub(in crate::scrape) async fn wanted(&self) -> Failure {
        // Nothing runs between the look and the wait: all of it is on one thread.
        if !self.is_left() {
            self.leaving.notified().await;
        }
        left()
    }

    /// The name it is shown by: what the server calls it, once known.
    #[must_use]
    pub fn label(&self) -> String {
        let state = self.state.borrow();
        if state.facts.database.is_empty() {
            self.name.clone()
        } else {
            state.facts.database.clone()
        }
    }

    /// A run begins, beside others that are on: it knows nothing of the database yet.
    pub fn prepare(&self, run: RunId, on: &BTreeSet<RunId>) {
        let mut state = self.state.borrow_mut();
        state.passes.retain(|run, _| on.contains(run));
        state.passes.insert(run, Pass::default());
    }

    /// That run could not scrape it.
    pub fn fail(&self, run: RunStart, failure: &Failure) {
        self.state.borrow_mut().finish(&self.name, run, Some(failure));
    }
}
