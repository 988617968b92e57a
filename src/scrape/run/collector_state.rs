//! One installed collector on one database: when it is due, what is served of it, what is known about its runs.
//!
//! Its [`Outcome`] is its state. It begins with `Never`. A run moves it to `Good` or `Skipped`, from which it is due again
//! when the result is older than its ttl; or to `Failed`, from which it is due at the next scrape after a failure that is
//! alone, and later and later while it keeps failing; or to `Paused`, where objects or rights are missing, from which it is
//! due when the pause is over. One that can do without some functions runs without those that the server denies, for as long
//! as such a pause ([`Reduced`]). Planning ends waits ([`resume`](CollectorState::resume)), and puts it back to `Never` where the
//! server is another one ([`expire`](CollectorState::expire)). A connection that is lost while its answer is awaited is its failure: it
//! may end the session, or crash the server, each time. An execution that the run's own end cut short is `Failed` without
//! a wait: how little time a client has says nothing about the target.

mod outcome;
mod reduced;
mod stats;
mod texts;

use std::sync::Arc;
use std::time::Duration;

use pg_exporter_schema::Collector;
use tokio::time::Instant;

use crate::postgres::failure::{Failure, Reason};
use crate::postgres::rows::Shape;
use crate::postgres::session::StatementKey;
use crate::scrape::page::samples::Samples;
use crate::scrape::rows::batch::Batch;
use crate::scrape::rows::decode::Decoder;
use crate::scrape::rows::gaps::Gaps;
use crate::scrape::run::timing::{Timing, Took};

pub use outcome::{Attempt, Outcome};
pub use reduced::Reduced;
pub use stats::Stats;
pub use texts::{Text, Texts};

/// For how long a collector rests whose objects or rights are missing, unless something makes the plan anew before.
const PAUSE: Duration = Duration::from_secs(300);
/// Scrapes that are closer to each other (two Prometheus, a curl) count as so far apart.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
/// The longest wait between tries of a collector that keeps failing.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// A predicate's statement and its cached answer.
#[derive(Clone, Debug)]
pub struct PredicateState {
    /// Its statement.
    pub key: StatementKey,
    /// The statement's text on this database.
    pub query: Text,
    /// The last answer and the scrape start of its execution.
    pub answer: Option<(bool, Instant)>,
}

/// An installed collector.
#[derive(Clone, Debug)]
pub struct CollectorState {
    /// Its statement.
    pub key: StatementKey,
    /// The statement's text on this database.
    pub query: Text,
    /// Whether its names are looked for where the role finds them.
    pub on_role_path: bool,
    /// Its definition.
    pub collector: Arc<Collector>,
    /// One per predicate of the definition.
    pub predicates: Vec<PredicateState>,
    /// How its rows are read, and the shape of results for which that holds.
    pub decoder: Option<(Shape, Arc<Decoder>)>,
    /// Counts.
    pub stats: Stats,
    /// The last result itself, kept while somebody asks for its rows.
    pub batch: Option<Arc<Batch>>,
    /// What the last result lacked.
    pub gaps: Gaps,
    outcome: Outcome,
    samples: Arc<Samples>,
    /// Scrape start of the last execution: of two scrapes at a time, the later one.
    executed: Option<Instant>,
    /// When the last execution ended.
    answered: Option<Instant>,
    /// Scrape start of the execution that gave `samples`.
    good: Option<Instant>,
    failures_in_a_row: u32,
    /// What it does without.
    reduced: Option<Box<Reduced>>,
    /// The key that its statement had before what is denied changed.
    former: Option<StatementKey>,
    /// The last scrape that found it to be due.
    begun: Option<Instant>,
}

impl CollectorState {
    /// A collector that has not run yet.
    #[must_use]
    pub fn new(collector: Arc<Collector>, texts: Texts, mut key: impl FnMut() -> StatementKey) -> Self {
        let predicates = texts
            .predicates
            .into_iter()
            .map(|query| PredicateState {
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
            stats: Stats::default(),
            outcome: Outcome::Never,
            batch: None,
            gaps: Gaps::default(),
            samples: Arc::default(),
            executed: None,
            answered: None,
            good: None,
            failures_in_a_row: 0,
            reduced: None,
            former: None,
            begun: None,
        }
    }

    /// What the last execution came to.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// The scrape begun at `start` found it to be due: it is about to be executed.
    pub fn begin(&mut self, start: Instant) {
        self.begun = self.begun.max(Some(start));
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
        match &self.outcome {
            Outcome::Never => true,
            Outcome::Good | Outcome::Skipped => !cache || !self.is_fresh(start),
            Outcome::Failed(_, wait) => wait.is_none_or(|until| until <= start),
            Outcome::Paused(_, until) => *until <= start,
        }
    }

    fn is_fresh(&self, start: Instant) -> bool {
        let ttl = self.collector.ttl;
        let age = |executed| start.saturating_duration_since(executed);
        !ttl.is_zero() && self.executed.is_some_and(|executed| age(executed) <= ttl)
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
        self.outcome.is_good() && (self.has_answered_since(start) || self.is_fresh(start))
    }

    fn is_stale_but_allowed(&self, start: Instant) -> bool {
        let limit = self.collector.max_stale;
        let age = |good| start.saturating_duration_since(good);
        !limit.is_zero() && self.good.is_some_and(|good| age(good) <= limit)
    }

    /// It was asked for and its cached result is served.
    pub fn hit(&mut self) {
        self.stats.collections += 1;
        self.stats.hits += u64::from(self.outcome.is_good());
        self.stats.predicate_skips += u64::from(self.outcome == Outcome::Skipped);
    }

    /// Bytes of the samples that the next ones take the place of.
    pub(in crate::scrape) fn sample_bytes(&self) -> usize {
        self.samples.bytes.len()
    }

    /// An execution in the scrape begun at `start` gave samples.
    pub fn succeeded(&mut self, samples: Samples, start: Instant, took: Took) {
        self.executed(start);
        self.stats.took(took);
        self.stats.duplicates += samples.duplicates;
        self.stats.over_limit += samples.over_limit;
        self.samples = Arc::new(samples);
        self.good = self.executed;
        self.outcome = Outcome::Good;
        self.failures_in_a_row = 0;
    }

    /// The execution that has just given samples ended with an error. Its result stands: what is missing in it has its turn when
    /// the collector is due again: at the next scrape, if so.
    pub fn cut_short(&mut self, failure: &Failure, is_due_again: bool) {
        self.stats.failed(failure);
        if is_due_again {
            self.executed = None;
        }
    }

    /// A predicate said no.
    pub fn skipped(&mut self, start: Instant, waited: Duration) {
        self.executed(start);
        self.stats.waited(waited);
        self.stats.predicate_skips += 1;
        self.samples = Arc::default();
        self.good = self.executed;
        self.outcome = Outcome::Skipped;
        self.failures_in_a_row = 0;
    }

    /// An execution failed. A second failure in a row is not tried again at the next scrape but at the one after it, and so
    /// on up to the collector's ttl. A result that another scrape got meanwhile stands.
    pub fn failed(&mut self, failure: Failure, start: Instant, attempt: Attempt) {
        let stands = self.outcome.is_good() && self.has_answered_since(start);
        self.executed(start);
        if let Some(waited) = attempt.waited {
            self.stats.waited(waited);
        }
        self.stats.failed(&failure);
        if stands {
            return;
        }
        // What did not get its turn before the connection was lost has no part in that, and connects have their own back-off.
        let is_behind = failure.reason == Reason::Connection && !failure.is_fatal && attempt.waited.is_none();
        self.outcome = if attempt.is_cut_short || is_behind {
            Outcome::Failed(failure, None)
        } else if failure.is_lasting() {
            Outcome::Paused(failure, start + PAUSE)
        } else {
            self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
            let wait = self.backoff(attempt.interval);
            Outcome::Failed(failure, (!wait.is_zero()).then(|| start + wait))
        };
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

    fn executed(&mut self, start: Instant) {
        self.stats.executed();
        self.executed = self.executed.max(Some(start));
        self.answered = Some(Instant::now());
    }

    /// Makes it due at the next scrape: something on the server changed. Its statements get new keys, so that an answer
    /// that is on its way is not taken for one of the server as it is now.
    pub fn expire(&mut self, mut key: impl FnMut() -> StatementKey) {
        self.key = key();
        self.former = None;
        self.stats.timing = Timing::default();
        self.executed = None;
        self.answered = None;
        self.begun = None;
        self.good = None;
        self.batch = None;
        self.gaps = Gaps::default();
        self.samples = Arc::default();
        self.outcome = Outcome::Never;
        self.failures_in_a_row = 0;
        for predicate in &mut self.predicates {
            predicate.key = key();
            predicate.answer = None;
        }
    }

    /// Takes other texts of its statements. If they are others it is expired: what was prepared is of no use.
    pub fn reword(&mut self, texts: Texts, key: impl FnMut() -> StatementKey) {
        let mut pairs = self.predicates.iter().zip(&texts.predicates);
        let has_same_predicates = pairs.all(|(predicate, query)| *predicate.query == **query);
        let are_the_same = self.replace_whole(texts.query) && has_same_predicates;
        for (predicate, query) in self.predicates.iter_mut().zip(texts.predicates) {
            predicate.query = query;
        }
        // Those of the new definition all the same: the old one can go.
        if !are_the_same {
            self.expire(key);
        }
    }

    /// The keys of its statements.
    pub fn keys(&self) -> impl Iterator<Item = StatementKey> + '_ {
        self.predicates
            .iter()
            .map(|predicate| predicate.key)
            .chain([self.key])
    }

    /// Ends a pause or a back-off.
    pub fn resume(&mut self) {
        self.hope();
        self.failures_in_a_row = 0;
        match &mut self.outcome {
            Outcome::Failed(_, until) => *until = None,
            Outcome::Paused(failure, _) => self.outcome = Outcome::Failed(failure.clone(), None),
            Outcome::Never | Outcome::Good | Outcome::Skipped => {}
        }
    }

    /// What to call its state in a list for people.
    #[must_use]
    pub fn state(&self, start: Instant) -> &'static str {
        match &self.outcome {
            Outcome::Never => "not run yet",
            Outcome::Good if self.has_answered_since(start) => "ok",
            Outcome::Good => "cached",
            Outcome::Skipped => "skipped by predicate",
            Outcome::Failed(..) => "failed",
            Outcome::Paused(..) => "paused",
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

#[cfg(test)]
#[path = "collector_state_tests.rs"]
mod tests;
