//! One target: its databases, its runs, its page.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use pg_exporter_schema::Collector;

use super::collect::{Env, On};
use super::collector_state::{CollectorState, Outcome};
use super::config::Config;
use super::database::Database;
use super::drop_guard;
use super::history::{RUNS, Ring, Run};
use crate::catalog::Catalog;
use crate::health::Health;
use crate::postgres::connect::Endpoint;
use crate::postgres::facts;
use crate::postgres::failure::Failure;
use crate::postgres::pool::Pool;
use crate::scrape::page::assemble::Pages;
use crate::scrape::page::encode::Encoder;
use crate::scrape::page::own_metrics;
use crate::scrape::page::section::Part;
use crate::scrape::request::{Page, Request};
use crate::scrape::rows::batch::Batch;
use crate::scrape::rows::row::has_the_same_rows;
use crate::scrape::rows::typed::RowHandlers;
use crate::scrape::schedule::selection::Selection;
use crate::self_metrics::{Process, Telemetry};

/// A target's state, on the scrape thread alone.
#[derive(Debug)]
pub struct Target {
    pub(in crate::scrape) config: Config,
    pub(in crate::scrape) endpoint: Endpoint,
    pub(in crate::scrape) catalog: Arc<Catalog>,
    pub(in crate::scrape) pool: Pool,
    encoder: RefCell<Encoder>,
    keys: Cell<u64>,
    wanted: RefCell<Vec<Arc<Collector>>>,
    pub(in crate::scrape) main: Rc<Database>,
    pub(in crate::scrape) discovered: RefCell<BTreeMap<String, Rc<Database>>>,
    pages: RefCell<Pages>,
    pub(in crate::scrape) runs: RefCell<Runs>,
    /// The runs whose pages are not all made yet.
    on: RefCell<On>,
    pub(in crate::scrape) created: Instant,
    /// Until when nobody looks for claims on databases, as the role may not.
    pub(in crate::scrape) blind_until: Cell<Option<Instant>>,
    pub(in crate::scrape) surroundings: Surroundings,
    pub(in crate::scrape) process: Process,
}

/// Parts of the exporter whose metrics are on the page besides the target's.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The exporter's own counters.
    pub telemetry: Arc<Telemetry>,
    /// The health probe.
    pub health: Health,
    /// Who gets rows as they are read.
    pub rows: RowHandlers,
}

/// Counts of the target's runs.
#[derive(Clone, Debug)]
pub(in crate::scrape) struct Runs {
    /// When the last run began.
    pub(in crate::scrape) start: Instant,
    /// Between its beginning and that of the run before.
    interval: Duration,
    pub(in crate::scrape) count: u64,
    pub(in crate::scrape) errors: u64,
    pub(in crate::scrape) duration: Duration,
    /// The last ones, those that only planned left out.
    pub(in crate::scrape) history: Ring<Run, RUNS>,
}

impl Target {
    /// A target that has not been scraped. The last results of the definitions `wanted` are kept.
    #[must_use]
    pub fn new(
        endpoint: Endpoint,
        config: Config,
        catalog: Arc<Catalog>,
        surroundings: Surroundings,
        mut wanted: Vec<Arc<Collector>>,
    ) -> Self {
        let name = endpoint.info.database().to_owned();
        let labels = config.labels.iter().map(|(name, value)| (&**name, &**value));
        let now = Instant::now();
        wanted.extend(surroundings.rows.wanted().cloned());
        Self {
            pool: Pool::new(endpoint.permits().clone()),
            encoder: RefCell::new(Encoder::new(labels)),
            main: Rc::new(Database::new(endpoint.clone(), &name, false)),
            endpoint,
            config,
            catalog,
            keys: Cell::new(facts::FIRST_FREE_KEY),
            wanted: RefCell::new(wanted),
            discovered: RefCell::default(),
            pages: RefCell::default(),
            runs: RefCell::new(Runs {
                start: now,
                interval: Duration::ZERO,
                count: 0,
                errors: 0,
                duration: Duration::ZERO,
                history: Ring::default(),
            }),
            on: RefCell::default(),
            created: now,
            blind_until: Cell::default(),
            surroundings,
            process: Process::default(),
        }
    }

    /// Runs that may be on at a time: another one beside a slow one, unless the connections are so few that
    /// leaving one to it would cost every run half of its own.
    pub fn lanes(&self) -> usize {
        if self.pool.cap() > 2 { 2 } else { 1 }
    }

    /// Databases that one run scrapes at a time: it leaves a connection to each of the other runs.
    fn share(&self) -> usize {
        let others = self.lanes() - 1;
        self.config.parallel.clamp(1, self.pool.cap() - others)
    }

    /// Scrapes every database once, as far as the selection goes; `start` is that of [`begin_run`](Self::begin_run).
    ///
    /// The run ends a little before `deadline`, which may be moved while it is on, so that what did not answer by then
    /// is known as such on the pages that leave at it.
    pub async fn run(&self, start: Instant, deadline: &Cell<Instant>, selection: &Selection) {
        let live = self.catalog.live();
        let mut env = Env {
            start,
            on: &self.on,
            deadline,
            interval: self.runs.borrow().interval,
            reloaded: self.catalog.status().succeeded_at,
            live: &live,
            selection,
            pool: &self.pool,
            refused: None,
            health: &self.surroundings.health,
            grace: self.endpoint.connect_timeout,
            config: &self.config,
            encoder: &self.encoder,
            keys: &self.keys,
            wanted: &self.wanted,
            handlers: &self.surroundings.rows,
        };
        // First, so that it is sent before the facts' statement and answered by the time that is; nobody waits for it longer.
        let look = async {
            if !self.discovered.borrow().is_empty() {
                let limit = Instant::now() + self.endpoint.connect_timeout;
                drop_guard::look(self, limit.min(env.deadline())).await;
            }
        };
        let begun = match select(pin!(look), pin!(self.main.begin(&env))).await {
            Either::Left(((), begin)) => begin.await,
            Either::Right((begun, _)) => begun,
        };
        match begun {
            Ok(session) => {
                self.discover();
                self.scrape_all(Some(self.main.collect(session, &env)), &env)
                    .await;
            }
            // The server answers, just not for the URL's database: the others may be well, those at least that are connected.
            Err(failure) if failure.sqlstate.is_some() && !failure.is_starting() => {
                self.main.fail(start, &failure);
                env.refused = Some(failure).filter(Failure::concerns_all_databases);
                self.scrape_all(None::<std::future::Ready<()>>, &env).await;
            }
            Err(failure) => {
                for database in self.discovered.borrow().values() {
                    database.fail(start, &failure);
                }
                self.main.fail(start, &failure);
            }
        }
        self.end_run(start, selection);
    }

    /// Scrapes the discovered databases, as many at a time as may be, beside what is on already.
    async fn scrape_all(&self, first: Option<impl Future<Output = ()>>, env: &Env<'_>) {
        let databases: Vec<_> = self.discovered.borrow().values().cloned().collect();
        let mut waiting = databases
            .iter()
            .map(|database| Either::Right(database.scrape(env)));
        let mut running: FuturesUnordered<_> = first.map(Either::Left).into_iter().collect();
        let free = self.share() - running.len();
        running.extend(waiting.by_ref().take(free));
        while running.next().await.is_some() {
            running.extend(waiting.next());
        }
    }

    /// A run is about to begin, beside those that are on; its end may be moved while it is on.
    pub fn begin_run(&self, start: Instant, deadline: &Rc<Cell<Instant>>, selection: &Selection) {
        let mut runs = self.runs.borrow_mut();
        runs.interval = start.saturating_duration_since(runs.start);
        runs.start = start;
        // To plan only is no scrape.
        runs.count += u64::from(*selection != Selection::nothing());
        let mut on = self.on.borrow_mut();
        on.insert(start, Rc::clone(deadline));
        let discovered = self.discovered.borrow();
        for database in std::iter::once(&self.main).chain(discovered.values()) {
            database.prepare(start, &on);
        }
    }

    /// Every page of that run has been made.
    pub fn retire_run(&self, start: Instant) {
        self.on.borrow_mut().remove(&start);
        // One that panicked has left statements unanswered that others may wait for.
        let discovered = self.discovered.borrow();
        for database in std::iter::once(&self.main).chain(discovered.values()) {
            database.answers.notify_waiters();
        }
    }

    /// When the last run began.
    pub fn last_run(&self) -> Instant {
        self.runs.borrow().start
    }

    fn end_run(&self, start: Instant, selection: &Selection) {
        let is_up = self.main.state.borrow().is_up(start);
        let failures = self.failures(start);
        let mut runs = self.runs.borrow_mut();
        runs.duration = start.elapsed();
        runs.errors += u64::from(!is_up);
        if *selection != Selection::nothing() {
            let run = Run {
                ended: SystemTime::now(),
                took: runs.duration,
                up: is_up,
                failures,
            };
            runs.history.push(run);
        }
        drop(runs);
        self.pool.sweep(Instant::now());
    }

    /// Executions that failed in the run begun at `start`.
    fn failures(&self, start: Instant) -> usize {
        let failed = |slot: &&CollectorState| {
            slot.has_answered_since(start) && matches!(slot.outcome, Outcome::Failed(_))
        };
        let databases = self.databases();
        let counts = databases
            .iter()
            .map(|database| database.state.borrow().slots.iter().filter(failed).count());
        counts.sum()
    }

    /// Adds the databases that appeared and drops those that vanished.
    fn discover(&self) {
        let facts = self.main.state.borrow().facts.clone();
        let mut discovered = self.discovered.borrow_mut();
        let is_wanted = |name: &String| *name != facts.database && self.config.is_wanted(name);
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
                self.pool.forget(name);
            }
            keep
        });
    }

    /// Whether a session could be in somebody's way, or a database is left alone until nobody wants it any more.
    pub(in crate::scrape) fn has_to_look_out(&self) -> bool {
        self.pool.may_be_in_the_way()
            || self
                .discovered
                .borrow()
                .values()
                .any(|database| database.is_left())
    }

    /// Leaves those of the discovered databases that someone wants for themselves.
    pub(in crate::scrape) fn leave(&self, claimed: &[String]) {
        for name in claimed {
            if let Some(database) = self.discovered.borrow().get(name) {
                database.leave();
                self.pool.forget(name);
            }
        }
    }

    /// Closes connections that idled too long.
    pub fn sweep(&self) {
        self.pool.sweep(Instant::now());
    }

    /// The page of what is there now: results of the run begun at `start` or since, and cached ones that it did not
    /// renew.
    pub fn page(&self, request: &Request, start: Instant) -> Page {
        let Request {
            format,
            encoding,
            selection,
            ..
        } = request;
        let order = self.parts(start);
        let shown = order.iter().filter(|(name, _)| selection.includes(name));
        let mut pages = self.pages.borrow_mut();
        pages.follow(self.catalog.live(), &self.config.namespace);
        let duplicates = pages.update(shown.clone(), *format);
        pages.retain(|name| order.iter().any(|(kept, _)| kept == name));
        let own = own_metrics::render(self, selection, start, duplicates);
        let names = shown.map(|(name, _)| name.as_str());
        pages.page(own, &names, *format, *encoding)
    }

    /// What is served, by collector name in the order of execution, every database's part in order.
    fn parts(&self, start: Instant) -> Vec<(String, Vec<Part>)> {
        let mut order: Vec<(String, Vec<Part>)> = Vec::new();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        for database in self.databases() {
            let state = database.state.borrow();
            if !state.was_reached(start) {
                continue;
            }
            for slot in &state.slots {
                let Some(samples) = slot.served(start).filter(|samples| samples.series > 0) else {
                    continue;
                };
                let collector: &Arc<Collector> = &slot.collector;
                let place = *places.entry(collector.name.to_string()).or_insert(order.len());
                if place == order.len() {
                    order.push((collector.name.to_string(), Vec::new()));
                }
                if let Some((_, parts)) = order.get_mut(place) {
                    parts.push((Arc::clone(collector), Arc::clone(samples)));
                }
            }
        }
        order
    }

    /// The last result of a definition on every database that has one. Results are kept from the first call on.
    pub fn rows(&self, wanted: &Collector) -> Vec<(String, Arc<Batch>)> {
        let mut kept = self.wanted.borrow_mut();
        if !kept.iter().any(|known| has_the_same_rows(known, wanted)) {
            kept.push(Arc::new(wanted.clone()));
        }
        let databases = self.databases();
        let rows = databases.iter().filter_map(|database| {
            let batch = database.state.borrow().rows(wanted)?;
            Some((database.label(), batch))
        });
        rows.collect()
    }

    /// All databases, the URL's first. Of those that turn out to be the same (aliases of a pooler) the first counts.
    pub(in crate::scrape) fn databases(&self) -> Vec<Rc<Database>> {
        let mut seen = BTreeSet::new();
        let discovered = self.discovered.borrow();
        let all = std::iter::once(Rc::clone(&self.main)).chain(discovered.values().cloned());
        all.filter(|database| seen.insert(database.label())).collect()
    }
}
