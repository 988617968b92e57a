//! A target's databases: the URL's, and those that were discovered beside it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use super::config::Config;
use super::database::Database;
use crate::catalog::facts::Facts;
use crate::postgres::connect::Endpoint;
use crate::postgres::pool::Pool;

/// A target's databases.
#[derive(Debug)]
pub(in crate::scrape) struct Databases {
    /// The URL's.
    pub(in crate::scrape) main: Rc<Database>,
    endpoint: Endpoint,
    discovered: RefCell<BTreeMap<String, Rc<Database>>>,
}

impl Databases {
    /// The URL's database alone.
    pub(in crate::scrape) fn new(endpoint: Endpoint) -> Self {
        let name = endpoint.info.database().to_owned();
        Self {
            main: Rc::new(Database::new(endpoint.clone(), &name, false)),
            endpoint,
            discovered: RefCell::default(),
        }
    }

    /// Whether there are others than the URL's.
    pub(in crate::scrape) fn has_discovered(&self) -> bool {
        !self.discovered.borrow().is_empty()
    }

    /// The discovered ones in the order in which they have their turn. First those that the last run did not get to, the one
    /// that has waited longest before the others, so that each has its turn however short a run is. Then those that have a
    /// session, so that it is used before it has to make room, and the rest; of equal ones by name.
    pub(in crate::scrape) fn by_turn(&self, pool: &Pool) -> Vec<Rc<Database>> {
        let mut all: Vec<_> = self.discovered.borrow().values().cloned().collect();
        all.sort_by_cached_key(|database| {
            let state = database.state.borrow();
            let has_waited = state.was_passed_over || state.turn.is_none();
            let has_no_session = !has_waited && !pool.has_idle(&database.name);
            (!has_waited, has_no_session, state.turn)
        });
        all
    }

    /// How long the one that has waited longest has not been scraped.
    pub(in crate::scrape) fn longest_wait(&self) -> Duration {
        let waited = |database: Rc<Database>| {
            let scraped = database.state.borrow().scraped;
            scraped.unwrap_or(database.known_since).elapsed()
        };
        self.distinct().into_iter().map(waited).max().unwrap_or_default()
    }

    /// All of them, the URL's first.
    pub(in crate::scrape) fn all(&self) -> Vec<Rc<Database>> {
        let mut all = vec![Rc::clone(&self.main)];
        all.extend(self.discovered.borrow().values().cloned());
        all
    }

    /// All of them, the URL's first. Of those that turn out to be the same (aliases of a pooler) the first counts.
    pub(in crate::scrape) fn distinct(&self) -> Vec<Rc<Database>> {
        let mut seen = BTreeSet::new();
        let mut all = self.all();
        all.retain(|database| seen.insert(database.label()));
        all
    }

    /// Adds the databases that appeared and drops those that vanished.
    pub(in crate::scrape) fn discover(&self, facts: &Facts, config: &Config, pool: &Pool) {
        let mut discovered = self.discovered.borrow_mut();
        let is_wanted = |name: &String| *name != facts.database && config.is_wanted(name);
        for name in facts.databases.iter().filter(|name| is_wanted(name)) {
            if !discovered.contains_key(name) {
                tracing::info!(database = %name, "database discovered");
                let endpoint = self.endpoint.with_database(name);
                discovered.insert(name.clone(), Rc::new(Database::new(endpoint, name, true)));
            }
        }
        discovered.retain(|name, _| {
            let keep = facts.databases.binary_search(name).is_ok() && is_wanted(name);
            if !keep {
                tracing::info!(database = %name, "database gone");
                pool.forget(name);
            }
            keep
        });
    }

    /// Whether one is left alone until nobody wants it any more.
    pub(in crate::scrape) fn has_left_ones(&self) -> bool {
        self.discovered
            .borrow()
            .values()
            .any(|database| database.is_left())
    }

    /// Closes sessions that wait in discovered databases for the next scrape.
    pub(in crate::scrape) fn keep_none(&self) {
        let discovered = self.discovered.borrow();
        let databases = discovered.values();
        databases.for_each(|database| database.endpoint.keep_none());
    }

    /// Leaves those of the discovered databases that someone wants for themselves.
    pub(in crate::scrape) fn leave(&self, claimed: &[String], pool: &Pool) {
        for name in claimed {
            if let Some(database) = self.discovered.borrow().get(name) {
                database.leave();
                database.endpoint.leave();
                pool.forget(name);
            }
        }
    }
}
