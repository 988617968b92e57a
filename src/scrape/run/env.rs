//! What all databases of one run share.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use pg_exporter_schema::Collector;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::config::Config;
use crate::catalog::Live;
use crate::health::Health;
use crate::postgres::deadline::within;
use crate::postgres::failure::{Failure, Reason};
use crate::postgres::pool::Pool;
use crate::postgres::session::StatementKey;
use crate::scrape::page::encode::Encoder;
use crate::scrape::page::held::Held;
use crate::scrape::rows::typed::RowHandlers;
use crate::scrape::schedule::run_id::RunStart;
use crate::scrape::schedule::selection::Selection;

/// What all databases of one run share.
#[derive(Debug)]
pub struct Env<'a> {
    /// Which run it is, and when it began: the reference instant of all caches.
    pub run: RunStart,
    /// When it ends at the latest. Clients that join move it.
    pub end: &'a Cell<Instant>,
    /// Time since the run before.
    pub interval: Duration,
    /// When the configuration was last loaded, changed or not.
    pub reloaded: SystemTime,
    /// The set of collectors.
    pub live: &'a Arc<Live>,
    /// Which of them the run is about.
    pub selection: &'a Selection,
    /// The connections.
    pub pool: &'a Pool,
    /// Whether they may become fewer, where the server has no more: nobody has said how many are ours.
    pub fits: bool,
    /// Why no connection is opened: the URL's database was refused for a reason that concerns all of them.
    pub refused: Option<Failure>,
    /// What the probe says of the target.
    pub health: &'a Health,
    /// Allowance for the network on top of each statement's limit.
    pub grace: Duration,
    /// Settings.
    pub config: &'a Config,
    /// What all results have together.
    pub(in crate::scrape) held: &'a Held,
    /// Whose turn it is to read a large result.
    pub(in crate::scrape) large: &'a Semaphore,
    /// Encodes results.
    pub encoder: &'a RefCell<Encoder>,
    /// Numbers statements.
    pub keys: &'a Cell<u64>,
    /// The definitions whose last result is kept, for typed rows.
    pub wanted: &'a RefCell<Vec<Arc<Collector>>>,
    /// Who gets rows as they are read.
    pub handlers: &'a RowHandlers,
}

impl Env<'_> {
    /// A key that no other statement has.
    pub fn next_key(&self) -> StatementKey {
        let key = self.keys.get() + 1;
        self.keys.set(key);
        StatementKey(key)
    }

    /// The server's limit on a statement: its own, or what is left of the run.
    pub(in crate::scrape) fn limit(&self, collector: &Collector) -> Duration {
        let left = self
            .end()
            .saturating_duration_since(Instant::now())
            .max(Duration::from_millis(1));
        collector.timeout.map_or(left, |timeout| timeout.min(left))
    }

    /// When the run ends at the latest, as of now.
    pub fn end(&self) -> Instant {
        self.end.get()
    }

    /// Whether the run's time is over.
    pub fn is_over(&self) -> bool {
        self.end() <= Instant::now()
    }

    /// Whether a failure only says that the run's time was over, when the run was to end at `end`: nothing about the target.
    pub fn is_cut_short(failure: &Failure, end: Instant) -> bool {
        failure.reason == Reason::Timeout && failure.sqlstate.is_none() && end <= Instant::now()
    }

    /// The same, and a client with more time has joined since: it may be tried again.
    pub fn has_more_time(&self, failure: &Failure, end: Instant) -> bool {
        Self::is_cut_short(failure, end) && !self.is_over()
    }

    /// Waits for an answer that the server may take so long for, with the allowance for the network, until the run ends: it
    /// may be prolonged meanwhile.
    pub(in crate::scrape) async fn within<T>(
        &self,
        limit: Duration,
        answer: impl Future<Output = T>,
    ) -> Option<T> {
        let own = Instant::now().checked_add(limit + self.grace);
        let mut answer = pin!(answer);
        loop {
            let end = self.end();
            let give_up = own.map_or(end, |own| own.min(end));
            if let Ok(answer) = within(give_up.into_std(), answer.as_mut()).await {
                return Some(answer);
            }
            if own.is_some_and(|own| own <= end) || self.end() <= end {
                return None;
            }
        }
    }
}
