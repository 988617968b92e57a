//! What all databases of one run share.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use pg_exporter_schema::Collector;

use crate::catalog::Live;
use crate::health::Health;
use crate::postgres::failure::Failure;
use crate::postgres::pool::Pool;
use crate::postgres::session::StatementKey;
use crate::scrape::page::encode::Encoder;
use crate::scrape::rows::typed::RowHandlers;
use crate::scrape::run::collector_state::Execution;
use crate::scrape::run::config::Config;
use crate::scrape::schedule::selection::Selection;

/// The runs that are on: when they began, when they end at the latest. Clients that join one move its end.
pub type On = BTreeMap<Instant, Rc<Cell<Instant>>>;

/// What all databases of one run share.
#[derive(Debug)]
pub struct Env<'a> {
    /// When the run began: the reference instant of all caches.
    pub start: Instant,
    /// The runs that are on, this one among them.
    pub on: &'a RefCell<On>,
    /// When it ends at the latest. Clients that join move it.
    pub deadline: &'a Cell<Instant>,
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
    /// Why no connection is opened: the URL's database was refused for a reason that concerns all of them.
    pub refused: Option<Failure>,
    /// What the probe says of the target.
    pub health: &'a Health,
    /// Allowance for the network on top of each statement's limit.
    pub grace: Duration,
    /// Settings.
    pub config: &'a Config,
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

    /// The server's limit on a statement: its own, or what is left of the scrape.
    pub(in crate::scrape) fn limit(&self, collector: &Collector) -> Duration {
        let left = self
            .deadline()
            .saturating_duration_since(Instant::now())
            .max(Duration::from_millis(1));
        collector.timeout.map_or(left, |timeout| timeout.min(left))
    }

    /// Whether that run is on, and another one than this.
    pub(in crate::scrape) fn is_other(&self, run: Instant) -> bool {
        run != self.start && self.on.borrow().contains_key(&run)
    }

    /// Whether an execution is another run's and its answer will do for this one: it is given no less time than this run
    /// would give it.
    pub(in crate::scrape) fn shares(&self, execution: Execution) -> bool {
        let on = self.on.borrow();
        let Some(end) = on.get(&execution.scrape).map(|end| end.get()) else {
            return false;
        };
        let has_its_time = execution.has_own_limit && execution.limit <= end;
        execution.scrape != self.start && (has_its_time || execution.limit.min(end) >= self.deadline())
    }

    /// When the run ends at the latest, as of now.
    pub fn deadline(&self) -> Instant {
        self.deadline.get()
    }
}
