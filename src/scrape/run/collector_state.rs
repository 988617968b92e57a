//! One installed collector on one database: when it is due, what is served of it, what is known about its runs.

mod stats;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use pg_exporter_schema::Collector;

use crate::catalog::facts::Facts;
use crate::catalog::{extension_schema, is_shipped};
use crate::postgres::failure::{Failure, Reason};
use crate::postgres::rows::ResultColumn;
use crate::postgres::session::StatementKey;
use crate::scrape::page::samples::Samples;
use crate::scrape::rows::batch::Batch;
use crate::scrape::rows::decode::Decoder;

pub use stats::{Outcome, Stats};

/// For how long a collector rests whose objects or rights are missing, unless something makes the plan anew before.
const PAUSE: Duration = Duration::from_secs(300);
/// Scrapes that are closer to each other (two Prometheus, a curl) count as so far apart.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
/// The longest wait between tries of a collector that keeps failing.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// A predicate's statement and its cached answer.
#[derive(Clone, Debug)]
pub struct PredicateSlot {
    /// Its statement.
    pub key: StatementKey,
    /// The statement's text on this database.
    pub query: Arc<str>,
    /// The last answer and the scrape start of its execution.
    pub answer: Option<(bool, Instant)>,
}

/// A collector's statements as they are sent to one database.
#[derive(Clone, Debug)]
pub struct Texts {
    /// The query.
    pub query: Arc<str>,
    /// One per predicate.
    pub predicates: Vec<Arc<str>>,
    /// Whether their names are looked for where the role finds them.
    pub on_role_path: bool,
}

impl Texts {
    /// The texts on a database of which these facts are known, and on which the collector is installed.
    #[must_use]
    pub fn new(collector: &Collector, facts: &Facts) -> Self {
        // What cannot be replaced keeps the collector from being installed.
        let text = |sql: &str| extension_schema::replaced(sql, facts).map_or_else(|_| sql.into(), Arc::from);
        Self {
            query: text(&collector.query),
            predicates: collector.predicates.iter().map(|one| text(&one.query)).collect(),
            on_role_path: !is_shipped(collector),
        }
    }
}

/// What the server is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Start of the scrape that it is for.
    pub scrape: Instant,
    /// When the server ends it.
    pub limit: Instant,
    /// Whether that is by the collector's own limit, not by what was left of the scrape.
    pub has_own_limit: bool,
}

/// An installed collector.
#[derive(Clone, Debug)]
pub struct CollectorState {
    /// Its statement.
    pub key: StatementKey,
    /// The statement's text on this database.
    pub query: Arc<str>,
    /// Whether its names are looked for where the role finds them.
    pub on_role_path: bool,
    /// Its definition.
    pub collector: Arc<Collector>,
    /// One per predicate of the definition.
    pub predicates: Vec<PredicateSlot>,
    /// How its rows are read, and the columns for which that holds.
    pub decoder: Option<(Arc<[ResultColumn]>, Arc<Decoder>)>,
    /// Label block of the exporter's own series about it.
    pub block: Arc<[u8]>,
    /// Counts.
    pub stats: Stats,
    /// What the last execution came to.
    pub outcome: Outcome,
    /// The last result itself, kept while some code of the library's user asks for its rows.
    pub batch: Option<Arc<Batch>>,
    samples: Arc<Samples>,
    /// Scrape start of the last execution: of two scrapes at a time, the later one.
    executed: Option<Instant>,
    /// When the last execution ended.
    answered: Option<Instant>,
    /// Scrape start of the execution that gave `samples`.
    good: Option<Instant>,
    failures_in_a_row: u32,
    not_before: Option<Instant>,
    /// The last scrape that found it to be due.
    begun: Option<Instant>,
    /// Its execution that the server is at now: of two at a time, the later one.
    running: Option<Execution>,
    /// Whether waiting is a pause for missing objects or rights rather than a back-off.
    paused: bool,
}

impl CollectorState {
    /// A collector that has not run yet.
    #[must_use]
    pub fn new(
        collector: Arc<Collector>,
        texts: Texts,
        block: Arc<[u8]>,
        mut key: impl FnMut() -> StatementKey,
    ) -> Self {
        let predicates = texts
            .predicates
            .into_iter()
            .map(|query| PredicateSlot {
                key: key(),
                query,
                answer: None,
            })
            .collect();
        Self {
            key: key(),
            query: texts.query,
            on_role_path: texts.on_role_path,
            collector,
            predicates,
            decoder: None,
            block,
            stats: Stats::default(),
            outcome: Outcome::Never,
            batch: None,
            samples: Arc::default(),
            executed: None,
            answered: None,
            good: None,
            failures_in_a_row: 0,
            not_before: None,
            begun: None,
            running: None,
            paused: false,
        }
    }

    /// The scrape begun at `start` found it to be due: it is about to be executed.
    pub fn begin(&mut self, start: Instant) {
        self.begun = self.begun.max(Some(start));
    }

    /// The server begins to work on its statement.
    pub fn run(&mut self, execution: Execution) {
        self.running = Some(execution);
    }

    /// Its execution that the server is at now.
    #[must_use]
    pub fn running(&self) -> Option<Execution> {
        self.running
    }

    /// Whether the scrape begun at `start`, or a later one, found it to be due and it has not answered since.
    #[must_use]
    pub fn is_pending(&self, start: Instant) -> bool {
        self.begun >= Some(start) && !self.has_answered_since(start)
    }

    /// Whether an execution ended after `start`: in the scrape that began then, or in another one meanwhile.
    #[must_use]
    pub fn has_answered_since(&self, start: Instant) -> bool {
        self.answered >= Some(start)
    }

    /// Whether it must be executed in a scrape that began at `start`.
    #[must_use]
    pub fn is_due(&self, start: Instant, cache: bool) -> bool {
        if self.not_before.is_some_and(|moment| start < moment) {
            return false;
        }
        match self.outcome {
            Outcome::Never | Outcome::Failed(_) => true,
            Outcome::Good | Outcome::PredicateSkipped => !cache || !self.is_fresh(start),
        }
    }

    fn is_fresh(&self, start: Instant) -> bool {
        let ttl = self.collector.ttl;
        !ttl.is_zero()
            && self
                .executed
                .is_some_and(|executed| start.saturating_duration_since(executed) <= ttl)
    }

    /// The samples that a scrape begun at `start` serves: of this scrape, still fresh, or of a good execution that is
    /// not older than `max_stale`.
    #[must_use]
    pub fn served(&self, start: Instant) -> Option<&Arc<Samples>> {
        (self.is_current(start) || self.is_stale_but_allowed(start)).then_some(&self.samples)
    }

    /// Whether its last execution was good, and ended after `start` or is within the ttl of it.
    #[must_use]
    pub fn is_current(&self, start: Instant) -> bool {
        match self.outcome {
            Outcome::Good | Outcome::PredicateSkipped => {
                self.has_answered_since(start) || self.is_fresh(start)
            }
            Outcome::Never | Outcome::Failed(_) => false,
        }
    }

    fn is_stale_but_allowed(&self, start: Instant) -> bool {
        let limit = self.collector.max_stale;
        !limit.is_zero()
            && self
                .good
                .is_some_and(|good| start.saturating_duration_since(good) <= limit)
    }

    /// It was asked for and its cached result is served.
    pub fn hit(&mut self) {
        self.stats.collections += 1;
        match self.outcome {
            Outcome::Good => self.stats.hits += 1,
            Outcome::PredicateSkipped => {
                self.stats.hits += 1;
                self.stats.predicate_skips += 1;
            }
            Outcome::Never | Outcome::Failed(_) => {}
        }
    }

    /// An execution in the scrape begun at `start` gave samples.
    pub fn succeeded(&mut self, samples: Samples, start: Instant, took: Duration) {
        self.executed(start, Some(took));
        self.stats.duplicates += samples.duplicates;
        self.stats.over_limit += samples.over_limit;
        self.samples = Arc::new(samples);
        self.good = self.executed;
        self.outcome = Outcome::Good;
        self.recovered();
    }

    /// A predicate said no.
    pub fn skipped(&mut self, start: Instant, took: Duration) {
        self.executed(start, Some(took));
        self.stats.predicate_skips += 1;
        self.samples = Arc::default();
        self.good = self.executed;
        self.outcome = Outcome::PredicateSkipped;
        self.recovered();
    }

    /// An execution failed. `interval` is the time between scrapes: a second failure in a row is not tried again at
    /// the next scrape but at the one after it, and so on up to the collector's ttl.
    ///
    /// `took` is `None` if it did not get so far as to run. A result that another scrape got meanwhile stands.
    pub fn failed(&mut self, failure: Failure, start: Instant, took: Option<Duration>, interval: Duration) {
        let has_result = matches!(self.outcome, Outcome::Good | Outcome::PredicateSkipped);
        let stands = has_result && self.has_answered_since(start);
        self.executed(start, took);
        self.stats.last_failed = self.stats.last_execution;
        self.stats.errors += 1;
        if let Some(at) = Reason::ALL.iter().position(|reason| *reason == failure.reason)
            && let Some(count) = self.stats.reasons.get_mut(at)
        {
            *count += 1;
        }
        self.stats.last_error = Some(failure.clone());
        if stands {
            return;
        }
        self.paused = failure.is_lasting();
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        let wait = if self.paused {
            PAUSE
        } else if failure.reason == Reason::Connection {
            // The connection has its own back-off.
            Duration::ZERO
        } else {
            self.backoff(interval)
        };
        self.not_before = (!wait.is_zero()).then(|| start + wait);
        self.outcome = Outcome::Failed(failure);
    }

    fn backoff(&self, interval: Duration) -> Duration {
        let interval = interval.max(SHORTEST_INTERVAL);
        // A ttl of less than two scrapes leaves no room for waits within it.
        let ttl = self.collector.ttl;
        let longest = if ttl < interval * 2 {
            LONGEST_BACKOFF
        } else {
            ttl.min(LONGEST_BACKOFF)
        };
        match self.failures_in_a_row {
            0 | 1 => Duration::ZERO,
            // One and a half: scrapes are not exactly apart.
            n => (interval * 3 / 2)
                .saturating_mul(1 << (n - 2).min(16))
                .min(longest),
        }
    }

    fn executed(&mut self, start: Instant, took: Option<Duration>) {
        self.stats.collections += 1;
        self.stats.executions += 1;
        if let Some(took) = took {
            self.stats.duration = took;
            self.stats.total_duration += took;
            self.stats.recent.push(took.as_secs_f32());
        }
        self.stats.last_execution = Some(SystemTime::now());
        self.executed = self.executed.max(Some(start));
        self.answered = Some(Instant::now());
        self.running.take_if(|execution| execution.scrape == start);
    }

    fn recovered(&mut self) {
        self.failures_in_a_row = 0;
        self.not_before = None;
        self.paused = false;
    }

    /// Makes it due at the next scrape: something on the server changed. Its statements get new keys, so that an answer
    /// that is on its way is not taken for one of the server as it is now.
    pub fn expire(&mut self, mut key: impl FnMut() -> StatementKey) {
        self.key = key();
        self.executed = None;
        self.answered = None;
        self.begun = None;
        self.running = None;
        self.good = None;
        self.samples = Arc::default();
        self.outcome = Outcome::Never;
        self.recovered();
        for predicate in &mut self.predicates {
            predicate.key = key();
            predicate.answer = None;
        }
    }

    /// Takes other texts of its statements. If they are others it is expired: what was prepared is of no use.
    pub fn reword(&mut self, texts: Texts, key: impl FnMut() -> StatementKey) {
        let same_query = self.query == texts.query;
        let mut pairs = self.predicates.iter().zip(&texts.predicates);
        if same_query && pairs.all(|(predicate, query)| predicate.query == *query) {
            return;
        }
        self.query = texts.query;
        for (predicate, query) in self.predicates.iter_mut().zip(texts.predicates) {
            predicate.query = query;
        }
        self.expire(key);
    }

    /// The keys of its statements.
    pub fn keys(&self) -> impl Iterator<Item = StatementKey> + '_ {
        self.predicates
            .iter()
            .map(|predicate| predicate.key)
            .chain([self.key])
    }

    /// Ends a pause or a back-off.
    pub fn unpause(&mut self) {
        self.recovered();
    }

    /// What to call its state in a list for people.
    #[must_use]
    pub fn state(&self, start: Instant) -> &'static str {
        match &self.outcome {
            Outcome::Never => "not run yet",
            Outcome::Good if self.has_answered_since(start) => "ok",
            Outcome::Good => "cached",
            Outcome::PredicateSkipped => "skipped by predicate",
            Outcome::Failed(_) if self.paused => "paused",
            Outcome::Failed(_) => "failed",
        }
    }

    /// Age of what is served, at a scrape begun at `start`; `None` when nothing is.
    #[must_use]
    pub fn age(&self, start: Instant) -> Option<Duration> {
        self.served(start)?;
        self.good.map(|good| start.saturating_duration_since(good))
    }

    /// Scrape start of the execution whose result is kept.
    #[must_use]
    pub fn good(&self) -> Option<Instant> {
        self.good
    }

    /// Seconds left of the ttl, negative when it is over; the whole ttl right after an execution.
    #[must_use]
    pub fn ttl_left(&self, start: Instant) -> f64 {
        match self.executed {
            Some(executed) => {
                self.collector.ttl.as_secs_f64() - start.saturating_duration_since(executed).as_secs_f64()
            }
            None => 0.0,
        }
    }
}
