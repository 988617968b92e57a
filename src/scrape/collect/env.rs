//! What all databases of one run share.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use pg_exporter_schema::Collector;

use crate::catalog::Live;
use crate::scrape::Selection;
use crate::scrape::config::Config;
use crate::scrape::encode::Encoder;
use crate::target::health::Health;
use crate::target::pool::Pool;
use crate::target::session::StatementKey;

/// What all databases of one run share.
#[derive(Debug)]
pub struct Env<'a> {
    /// When the run began: the reference instant of all caches.
    pub start: Instant,
    /// When the runs began that are on, this one among them.
    pub on: &'a RefCell<BTreeSet<Instant>>,
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
    /// Branches whose last result is kept, for typed rows.
    pub retained: &'a RefCell<BTreeSet<String>>,
}

impl Env<'_> {
    /// A key that no other statement has.
    pub fn next_key(&self) -> StatementKey {
        let key = self.keys.get() + 1;
        self.keys.set(key);
        StatementKey(key)
    }

    /// The server's limit on a statement: its own, or what is left of the scrape.
    pub(super) fn limit(&self, collector: &Collector) -> Duration {
        let left = self
            .deadline()
            .saturating_duration_since(Instant::now())
            .max(Duration::from_millis(1));
        collector.timeout.map_or(left, |timeout| timeout.min(left))
    }

    /// Whether that run is on, and another one than this.
    pub(super) fn is_other(&self, run: Instant) -> bool {
        run != self.start && self.on.borrow().contains(&run)
    }

    /// When the run ends at the latest, as of now.
    pub fn deadline(&self) -> Instant {
        self.deadline.get()
    }
}
