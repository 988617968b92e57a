//! A target's state for people: what is planned where, and how its executions went.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use pg_exporter_schema::Collector;
use tokio::task::yield_now;
use tokio::time::Instant;

use super::from_rows;
use super::server::ServerOverview;
use crate::catalog::Live;
use crate::catalog::facts::Kind;
use crate::catalog::plan::Verdict;
use crate::postgres::encryption::Encryption;
use crate::postgres::failure::Failure;
use crate::scrape::page::published::Published;
use crate::scrape::rows::gaps::Gaps;
use crate::scrape::run::collector_state::{CollectorState, Stats};
use crate::scrape::run::database::State;
use crate::scrape::run::history::Run;
use crate::scrape::run::target::Target;
use crate::scrape::run::timing::{BY_CLOCK, known};

/// What is known of a target at one moment.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    /// The server behind the URL.
    pub server: ServerOverview,
    /// The last runs over all databases, oldest first.
    pub runs: Vec<Run>,
    /// For how long the exporter has been there.
    pub uptime: Duration,
    /// The set in force, in the order of execution.
    pub collectors: Vec<Arc<Collector>>,
    /// One entry per database, the URL's first.
    pub databases: Vec<DatabaseOverview>,
    /// What is wrong with results that were got, and what to do about it, a sentence for each. Failures are with their
    /// collectors.
    pub problems: Vec<String>,
}

impl Overview {
    /// Whether some collector has not been planned on some database.
    #[must_use]
    pub fn lacks_plans(&self) -> bool {
        self.databases
            .iter()
            .any(|database| database.verdicts.contains(&None))
    }
}

/// One database and its collectors.
#[derive(Clone, Debug, Default)]
pub struct DatabaseOverview {
    /// Name.
    pub name: String,
    /// `server_version_num`, 0 when never known.
    pub version: u32,
    /// What answered; `None` before it was reached. A pooler does not keep prepared statements.
    pub kind: Option<Kind>,
    /// Whether a pooler in between ends transactions with each message.
    pub is_by_message: bool,
    /// What protects its connection; `None` before it was reached.
    pub encryption: Option<Encryption>,
    /// Whether its last scrape succeeded; `None` before the first has ended.
    pub up: Option<bool>,
    /// Why its last scrape failed.
    pub error: Option<String>,
    /// When its last scrape ended.
    pub scraped: Option<SystemTime>,
    /// What its last scrape took.
    pub duration: Duration,
    /// The planner's word on each of [`Overview::collectors`]; `None` before the first plan with that definition.
    pub verdicts: Vec<Option<Verdict>>,
    /// Installed collectors in the order of execution.
    pub collectors: Vec<CollectorOverview>,
}

/// One installed collector.
#[derive(Clone, Debug, Default)]
pub struct CollectorOverview {
    /// Collector name.
    pub name: String,
    /// Branch installed.
    pub branch: String,
    /// `ok`, `cached`, `failed`, `paused`, `skipped by predicate`, `not run yet`, `not reached` (its database).
    pub state: &'static str,
    /// Seconds of the last execution.
    pub duration: f64,
    /// Seconds of each of the last executions, oldest first.
    pub recent: Vec<f32>,
    /// Seconds since the last good execution.
    pub age: Option<f64>,
    /// Series served.
    pub series: u64,
    /// Failures so far.
    pub errors: u64,
    /// Executions so far, failed ones included.
    pub executions: u64,
    /// Scrapes served from the cache.
    pub hits: u64,
    /// Scrapes without a result because a predicate did not hold.
    pub skips: u64,
    /// What all executions took.
    pub total_duration: Duration,
    /// The finest that is known of what they took.
    pub resolution: Duration,
    /// When the last execution ended.
    pub last_execution: Option<SystemTime>,
    /// Last error, without secrets; kept after it has passed.
    pub last_error: Option<Failure>,
    /// When it came.
    pub last_failed: Option<SystemTime>,
    /// What the last result lacked.
    pub gaps: Gaps,
    /// What is served of it.
    pub served: Option<Published>,
}

/// Databases that are read in one go: of thousands, health and scrapes have their turn between two pieces.
const PIECE: usize = 20;

/// What is known of every database and collector of a target. `problems` are those of its pages.
pub(in crate::scrape) async fn overview(target: Rc<Target>, mut problems: Vec<String>) -> Overview {
    let (last, history) = (target.last_run().at, target.runs.borrow().history.to_vec());
    let live = target.catalog.live();
    let mut databases = Vec::new();
    for piece in target.databases.distinct().chunks(PIECE) {
        databases.extend(piece.iter().map(|database| DatabaseOverview {
            name: database.label(),
            ..self::database(&database.state.borrow(), &live, last)
        }));
        pause().await;
    }
    problems.extend(without_tls(&databases));
    problems.extend(by_message(&databases));
    problems.extend(databases.iter().flat_map(gaps));
    Overview {
        problems,
        server: server(&target.databases.main.state.borrow(), last),
        runs: history,
        uptime: target.created.elapsed(),
        databases,
        collectors: live.collectors.clone(),
    }
}

/// Lets the other tasks of the thread have their turn, and the other threads theirs: the kernel would wait for milliseconds.
async fn pause() {
    thread::yield_now();
    yield_now().await;
}

/// Which connections could have had TLS and have none, each cause once.
fn without_tls(databases: &[DatabaseOverview]) -> Vec<String> {
    let mut told: Vec<(String, &str, usize)> = Vec::new();
    for database in databases {
        let Some(warning) = database.connection_warning() else {
            continue;
        };
        match told.iter_mut().find(|(known, ..)| *known == warning) {
            Some((.., others)) => *others += 1,
            None => told.push((warning, &database.name, 0)),
        }
    }
    let sentence = |(warning, name, others)| match others {
        0 => format!("database {name}: {warning}"),
        others => format!("database {name} and {others} others: {warning}"),
    };
    told.into_iter().map(sentence).collect()
}

/// That a pooler lets no transaction through.
fn by_message(databases: &[DatabaseOverview]) -> Option<String> {
    let database = databases.iter().find(|database| database.is_by_message)?;
    Some(format!(
        "database {} is behind a pooler of statements (pool_mode=statement): nothing can be rolled back there, so statements of \
         a site that call set_config are refused; pool_mode=transaction has no such limit",
        database.name
    ))
}

/// What results of a database lack by mistake.
fn gaps(database: &DatabaseOverview) -> impl Iterator<Item = String> {
    let with_gaps = database.collectors.iter().filter(|one| one.gaps.is_mistake());
    with_gaps.map(|one| format!("collector {} in {}: {}", one.name, database.name, one.gaps))
}

/// The run that results are judged by. What one that is on has not got to yet, the last that has ended has the word on.
fn judge(state: &State, last: Instant) -> Instant {
    state.status.ended.as_ref().map_or(last, |ended| ended.run.at)
}

/// Whether the last run read the database's facts. Not even a cached result is served of one that was not reached.
fn is_reached(state: &State) -> bool {
    state.status.ended.as_ref().is_none_or(|ended| ended.reached)
}

fn server(state: &State, last: Instant) -> ServerOverview {
    if is_reached(state) {
        return from_rows::read(state, judge(state, last));
    }
    ServerOverview {
        version: state.facts.version,
        flavour: state.facts.flavour,
        user: state.facts.user.clone(),
        ..ServerOverview::default()
    }
}

fn database(state: &State, live: &Live, last: Instant) -> DatabaseOverview {
    let start = judge(state, last);
    let ended = state.status.ended.as_ref();
    let failure = ended.and_then(|ended| ended.failure.as_ref());
    let collectors = state.collectors.iter().map(|one| collector(one, start));
    DatabaseOverview {
        name: String::new(),
        version: state.facts.version,
        kind: state.kind,
        is_by_message: state.is_by_message,
        encryption: state.encryption.clone(),
        up: ended.map(|ended| ended.failure.is_none()),
        error: failure.map(ToString::to_string),
        scraped: ended.map(|ended| ended.at),
        duration: state.status.last,
        verdicts: verdicts(live, state),
        collectors: collectors.map(|one| one.served_if(is_reached(state))).collect(),
    }
}

impl DatabaseOverview {
    /// What to tell of a connection that is less protected than it could be.
    #[must_use]
    pub fn connection_warning(&self) -> Option<String> {
        self.encryption.as_ref().and_then(Encryption::warning)
    }
}

impl CollectorOverview {
    /// Seconds that an execution took on average, 0 before the first: no finer than what is known of a single one, as what is not
    /// known of them does not cancel out.
    #[must_use]
    pub fn average_seconds(&self) -> f64 {
        if self.executions == 0 {
            return 0.0;
        }
        let average = self.total_duration.as_secs_f64() / self.executions as f64;
        let average = Duration::try_from_secs_f64(average).unwrap_or_default();
        known(average, self.resolution.max(BY_CLOCK)).as_secs_f64()
    }

    /// The same, without what is not served if its database was not reached.
    fn served_if(self, is_reached: bool) -> Self {
        if is_reached {
            return self;
        }
        let has_failed = matches!(self.state, "failed" | "paused");
        Self {
            state: if has_failed { self.state } else { "not reached" },
            age: None,
            series: 0,
            served: None,
            ..self
        }
    }
}

fn verdicts(live: &Live, state: &State) -> Vec<Option<Verdict>> {
    let plan = state.plan();
    let planned: HashMap<&str, _> = plan
        .verdicts
        .iter()
        .map(|planned| (&*planned.0.branch, planned))
        .collect();
    let verdict = |collector: &Arc<Collector>| {
        let (known, verdict) = planned.get(&*collector.branch)?;
        // After a reload, the next scrape plans.
        known.means_the_same_as(collector).then(|| verdict.clone())
    };
    live.collectors.iter().map(verdict).collect()
}

fn collector(one: &CollectorState, start: Instant) -> CollectorOverview {
    let Stats {
        duration,
        errors,
        executions,
        hits,
        predicate_skips,
        total_duration,
        last_execution,
        last_failed,
        ..
    } = one.stats;
    CollectorOverview {
        name: one.collector.name.to_string(),
        branch: one.collector.branch.to_string(),
        state: one.state(start),
        duration: duration.as_secs_f64(),
        recent: one.stats.recent.to_vec(),
        age: age(one, start).map(|age| age.as_secs_f64()),
        series: one.served(start).map_or(0, |samples| samples.series),
        errors,
        executions,
        hits,
        skips: predicate_skips,
        total_duration,
        resolution: one.stats.timing.resolution(),
        last_execution,
        last_error: one.stats.last_error.clone(),
        last_failed,
        gaps: one.gaps.clone(),
        served: served(one, start),
    }
}

/// Age of what is served, as of now.
fn age(one: &CollectorState, start: Instant) -> Option<Duration> {
    one.served(start)?;
    one.good().map(|good| good.elapsed())
}

fn served(one: &CollectorState, start: Instant) -> Option<Published> {
    let samples = one.served(start)?;
    Some(Published::new(&one.collector, samples))
}
