//! One target: its databases and its runs.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use pg_exporter_schema::Collector;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::collector_state::CollectorState;
use super::config::Config;
use super::databases::Databases;
use super::drop_guard::DropGuard;
use super::env::Env;
use super::history::{RUNS, Ring, Run};
use super::share::Share;
use super::turn;
use crate::catalog::Catalog;
use crate::catalog::facts::Facts;
use crate::health::Health;
use crate::postgres::connect::Endpoint;
use crate::postgres::facts;
use crate::postgres::failure::Failure;
use crate::postgres::pool::Pool;
use crate::scrape::page::encode::Encoder;
use crate::scrape::page::held::Held;
use crate::scrape::rows::batch::Batch;
use crate::scrape::rows::row::has_the_same_rows;
use crate::scrape::rows::typed::RowHandlers;
use crate::scrape::schedule::run_id::{RunId, RunStart};
use crate::scrape::schedule::selection::Selection;
use crate::scrape::tools::Tools;
use crate::self_metrics::Telemetry;

/// A target's state, on the scrape thread alone.
#[derive(Debug)]
pub struct Target {
    pub(in crate::scrape) config: Config,
    pub(in crate::scrape) catalog: Arc<Catalog>,
    pub(in crate::scrape) pool: Pool,
    pub(in crate::scrape) databases: Databases,
    pub(in crate::scrape) runs: RefCell<Runs>,
    pub(in crate::scrape) created: Instant,
    pub(in crate::scrape) surroundings: Surroundings,
    endpoint: Endpoint,
    drop_guard: DropGuard,
    share: Option<Share>,
    encoder: RefCell<Encoder>,
    held: Held,
    large: Semaphore,
    keys: Cell<u64>,
    /// The definitions whose last results are kept.
    wanted: RefCell<Vec<Arc<Collector>>>,
}

/// Parts of the exporter that scrapes tell of, or tell something.
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
    /// The last run that has begun.
    pub(in crate::scrape) last: RunStart,
    /// Between its beginning and that of the run before.
    interval: Duration,
    /// Those whose pages are not all made yet.
    on: BTreeSet<RunId>,
    pub(in crate::scrape) count: u64,
    pub(in crate::scrape) errors: u64,
    pub(in crate::scrape) duration: Duration,
    /// The last ones, those that only planned left out.
    pub(in crate::scrape) history: Ring<Run, RUNS>,
}

impl Target {
    /// A target that has not been scraped. The last results of the definitions `wanted` are kept.
    #[must_use]
    pub(in crate::scrape) fn new(
        endpoint: Endpoint,
        config: Config,
        catalog: Arc<Catalog>,
        surroundings: Surroundings,
        mut wanted: Vec<Arc<Collector>>,
        tools: &Tools,
    ) -> Self {
        let labels = config.labels.iter().map(|(name, value)| (&**name, &**value));
        let now = Instant::now();
        wanted.extend(surroundings.rows.wanted().cloned());
        Self {
            pool: Pool::new(endpoint.permits().clone()),
            encoder: RefCell::new(Encoder::new(labels).writing_in(tools.room.clone())),
            held: Held::default(),
            large: Semaphore::new(1),
            databases: Databases::new(endpoint.clone()),
            drop_guard: DropGuard::new(endpoint.connect_timeout),
            share: config.follows_room.then(|| Share::new(endpoint.permits().cap())),
            endpoint,
            config,
            catalog,
            keys: Cell::new(facts::FIRST_FREE_KEY),
            wanted: RefCell::new(wanted),
            runs: RefCell::new(Runs {
                last: RunStart {
                    id: RunId(0),
                    at: now,
                },
                interval: Duration::ZERO,
                on: BTreeSet::new(),
                count: 0,
                errors: 0,
                duration: Duration::ZERO,
                history: Ring::default(),
            }),
            created: now,
            surroundings,
        }
    }

    /// Runs that may be on at a time: another one beside a slow one, unless the connections are so few that leaving one to
    /// it would cost every run half of its own.
    pub fn slots(&self) -> usize {
        if self.pool.cap() > 2 { 2 } else { 1 }
    }

    /// Databases that one run scrapes at a time: it leaves a connection to each of the other runs.
    fn at_a_time(&self) -> usize {
        let others = self.slots() - 1;
        self.config.parallel.clamp(1, self.pool.cap() - others)
    }

    /// Scrapes every database once, as far as the selection goes, in the run of [`begin_run`](Self::begin_run). It ends at
    /// `end` at the latest, which may be moved while it is on.
    pub async fn run(&self, run: RunStart, end: &Cell<Instant>, selection: &Selection) {
        let live = self.catalog.live();
        let mut env = Env {
            run,
            end,
            interval: self.runs.borrow().interval,
            reloaded: self.catalog.status().succeeded_at,
            live: &live,
            selection,
            pool: &self.pool,
            fits: self.share.as_ref().is_some_and(|share| !share.is_denied()),
            refused: None,
            health: &self.surroundings.health,
            grace: self.endpoint.connect_timeout,
            config: &self.config,
            encoder: &self.encoder,
            held: &self.held,
            large: &self.large,
            keys: &self.keys,
            wanted: &self.wanted,
            handlers: &self.surroundings.rows,
        };
        if let Some(share) = &self.share {
            share.confirm(&self.databases, &self.pool).await;
        }
        let main = &self.databases.main;
        // First, so that it is sent before the facts' statement and answered by the time that is; nobody waits for it longer.
        let look = async {
            if self.databases.has_discovered() {
                self.drop_guard
                    .look_before_scrape(&self.databases, &self.pool, env.end())
                    .await;
            }
        };
        let begun = match select(pin!(look), pin!(turn::begin(main, &env))).await {
            Either::Left(((), begin)) => begin.await,
            Either::Right((begun, _)) => begun,
        };
        match begun {
            Ok(session) => {
                let facts = main.state.borrow().facts.clone();
                self.databases.discover(&facts, &self.config, &self.pool);
                self.scrape_all(Some(turn::finish(main, session, &env)), Some(&facts), &env)
                    .await;
                // Where a run's time is always over before all have had their turn, more connections are needed most.
                if let Some(share) = &self.share {
                    share.follow(&self.databases, &self.pool).await;
                }
            }
            // The server answers, just not for the URL's database: the others may be well, those at least that are connected.
            Err(failure) if failure.leaves_others() => {
                main.fail(run, &failure);
                if let Some(share) = self.share.as_ref().filter(|_| failure.is_full()) {
                    share.give_way(&self.pool);
                }
                env.refused = Some(failure).filter(Failure::concerns_all_databases);
                self.scrape_all(None::<std::future::Ready<()>>, None, &env).await;
            }
            Err(failure) => {
                for database in self.databases.all() {
                    database.fail(run, &failure);
                }
            }
        }
        self.end_run(run, selection);
    }

    /// Scrapes the discovered databases, as many at a time as may be, beside what is on already: in the order of
    /// [`Databases::by_turn`].
    async fn scrape_all(&self, first: Option<impl Future<Output = ()>>, main: Option<&Facts>, env: &Env<'_>) {
        let databases = self.databases.by_turn(&self.pool);
        let mut waiting = databases
            .iter()
            .map(|database| Either::Right(turn::take(database, main, env)));
        let mut running: FuturesUnordered<_> = first.map(Either::Left).into_iter().collect();
        let free = self.at_a_time() - running.len();
        running.extend(waiting.by_ref().take(free));
        while running.next().await.is_some() {
            running.extend(waiting.next());
        }
    }

    /// A run is about to begin, beside those that are on.
    pub fn begin_run(&self, run: RunStart, selection: &Selection) {
        let mut runs = self.runs.borrow_mut();
        runs.interval = run.at.saturating_duration_since(runs.last.at);
        runs.last = run;
        // To plan only is no scrape.
        runs.count += u64::from(*selection != Selection::nothing());
        runs.on.insert(run.id);
        self.drop_guard.stir();
        for database in self.databases.all() {
            database.prepare(run.id, &runs.on);
        }
    }

    /// Every page of that run has been made.
    pub fn retire_run(&self, run: RunId) {
        self.runs.borrow_mut().on.remove(&run);
    }

    /// The last run that has begun.
    pub fn last_run(&self) -> RunStart {
        self.runs.borrow().last
    }

    fn end_run(&self, run: RunStart, selection: &Selection) {
        let is_up = self.databases.main.state.borrow().is_up(run);
        let failures = self.failures(run);
        let mut runs = self.runs.borrow_mut();
        runs.duration = run.at.elapsed();
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
        self.sweep();
    }

    /// Executions that failed in that run.
    fn failures(&self, run: RunStart) -> usize {
        let has_failed =
            |one: &&CollectorState| one.has_answered_since(run.at) && one.outcome().failure().is_some();
        let databases = self.databases.distinct();
        let counts = databases.iter().map(|database| {
            database
                .state
                .borrow()
                .collectors
                .iter()
                .filter(has_failed)
                .count()
        });
        counts.sum()
    }

    /// Looks for those who want a database for themselves, for as long as it is polled.
    pub async fn keep_guard(&self) {
        self.drop_guard.keep_looking(&self.databases, &self.pool).await;
    }

    /// Closes connections that idled too long.
    pub fn sweep(&self) {
        self.pool.sweep(Instant::now().into_std());
    }

    /// Closes every idle connection.
    pub fn close(&self) {
        self.pool.close();
    }

    /// The last result of a definition on every database that has one. Results are kept from the first call on.
    pub fn rows(&self, wanted: &Collector) -> Vec<(String, Arc<Batch>)> {
        let mut kept = self.wanted.borrow_mut();
        if !kept.iter().any(|known| has_the_same_rows(known, wanted)) {
            kept.push(Arc::new(wanted.clone()));
        }
        let databases = self.databases.distinct();
        let rows = databases.iter().filter_map(|database| {
            let batch = database.state.borrow().rows(wanted)?;
            Some((database.label(), batch))
        });
        rows.collect()
    }
}
