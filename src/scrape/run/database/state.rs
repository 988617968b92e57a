//! What is known of one database, and how its scrapes went.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use pg_exporter_schema::Collector;

use crate::catalog::Live;
use crate::catalog::facts::Facts;
use crate::catalog::facts::Kind;
use crate::catalog::plan::Plan;
use crate::postgres::backoff::Backoff;
use crate::postgres::failure::Failure;
use crate::scrape::rows::batch::Batch;
use crate::scrape::rows::row::has_the_same_rows;
use crate::scrape::run::collector_state::{CollectorState, Outcome};

/// What is known of a database.
#[derive(Debug, Default)]
pub(in crate::scrape) struct State {
    pub(in crate::scrape) facts: Facts,
    /// What the last session was with: behind a pooler, statements run unnamed.
    pub(in crate::scrape) kind: Option<Kind>,
    pub(in crate::scrape) plan: Plan,
    /// Installed collectors in the order of execution.
    pub(in crate::scrape) slots: Vec<CollectorState>,
    /// Slots of branches that are not installed at the moment: their counts survive.
    pub(in crate::scrape) resting: HashMap<String, CollectorState>,
    pub(in crate::scrape) planned: Option<Arc<Live>>,
    /// The last reload that was taken notice of.
    pub(in crate::scrape) reloaded: Option<SystemTime>,
    /// The run that planned last.
    pub(in crate::scrape) learned: Option<Instant>,
    pub(in crate::scrape) backoff: Backoff,
    /// What the runs that are on and the last one found, by when they began.
    pub(in crate::scrape) passes: BTreeMap<Instant, Pass>,
    /// Whether the probe found the target down when the last try to connect failed.
    pub(in crate::scrape) failed_when_down: bool,
    pub(in crate::scrape) status: Status,
}

/// What one run found.
#[derive(Clone, Debug, Default)]
pub(in crate::scrape) struct Pass {
    /// When the database had its turn.
    pub(in crate::scrape) began: Option<Instant>,
    /// Whether its facts were read. Without them no result is served, not even a cached one.
    pub(in crate::scrape) reached: bool,
    /// Why it failed.
    pub(in crate::scrape) failure: Option<Failure>,
}

/// How the scrapes of a database went.
#[derive(Clone, Debug, Default)]
pub(in crate::scrape) struct Status {
    /// The last failure of all runs.
    pub(in crate::scrape) last_failure: Option<Failure>,
    /// Whether the run before succeeded; `None` before the first.
    pub(in crate::scrape) was_up: Option<bool>,
    /// What the last run that has ended found.
    pub(in crate::scrape) ended: Option<Ended>,
    pub(in crate::scrape) scrapes: u64,
    pub(in crate::scrape) errors: u64,
    pub(in crate::scrape) last: Duration,
    pub(in crate::scrape) total: Duration,
}

/// What a run that has ended found.
#[derive(Clone, Debug)]
pub(in crate::scrape) struct Ended {
    /// When it began.
    pub(in crate::scrape) run: Instant,
    /// Whether it read the database's facts.
    pub(in crate::scrape) reached: bool,
    /// Why it failed.
    pub(in crate::scrape) failure: Option<Failure>,
    /// When it ended with the database.
    pub(in crate::scrape) at: SystemTime,
}

impl State {
    /// The last result of a definition, where it is the one installed and its results are kept.
    pub(in crate::scrape) fn rows(&self, wanted: &Collector) -> Option<Arc<Batch>> {
        let slot = self
            .slots
            .iter()
            .find(|slot| has_the_same_rows(&slot.collector, wanted))?;
        slot.batch.clone()
    }

    pub(in crate::scrape) fn pass(&mut self, run: Instant) -> &mut Pass {
        self.passes.entry(run).or_default()
    }

    /// The same, if it is served to the run begun at `start`, and its age as of now.
    pub(in crate::scrape) fn rows_served(
        &self,
        wanted: &Collector,
        start: Instant,
    ) -> Option<(Arc<Batch>, Duration)> {
        let is_served = |slot: &&CollectorState| {
            slot.served(start).is_some() && has_the_same_rows(&slot.collector, wanted)
        };
        let slot = self.slots.iter().find(is_served)?;
        Some((slot.batch.clone()?, slot.good()?.elapsed()))
    }

    /// Whether that run read its facts.
    pub(in crate::scrape) fn was_reached(&self, run: Instant) -> bool {
        self.passes.get(&run).is_some_and(|pass| pass.reached)
    }

    /// Why that run failed.
    pub(in crate::scrape) fn failure(&self, run: Instant) -> Option<&Failure> {
        self.passes.get(&run)?.failure.as_ref()
    }

    /// Whether the database answers that run: its facts were read, and no fatal collector failed or is yet to answer.
    pub(in crate::scrape) fn is_up(&self, run: Instant) -> bool {
        let is_waiting =
            |slot: &CollectorState| slot.is_pending(run) || matches!(slot.outcome, Outcome::Failed(_));
        let fatal_ones = self.slots.iter().filter(|slot| slot.collector.fatal);
        self.was_reached(run) && self.failure(run).is_none() && !fatal_ones.into_iter().any(is_waiting)
    }

    /// A run has ended with the database.
    pub(in crate::scrape) fn finish(&mut self, name: &str, run: Instant, failure: Option<&Failure>) {
        let pass = self.pass(run);
        pass.failure = failure.cloned();
        let took = pass.began.map(|began| began.elapsed()).unwrap_or_default();
        let reached = pass.reached;
        let (database, status) = (name, &mut self.status);
        status.scrapes += 1;
        status.last = took;
        status.total += took;
        match failure {
            Some(failure) => {
                status.errors += 1;
                status.last_failure = Some(failure.clone());
                if status.was_up != Some(false) {
                    tracing::warn!(
                        database,
                        reason = failure.reason.word(),
                        "scrape failed: {failure}"
                    );
                }
            }
            None if status.was_up != Some(true) => {
                let (version, in_recovery) = (self.facts.version, self.facts.in_recovery);
                tracing::info!(database, version, in_recovery, "scrape succeeded");
            }
            None => {}
        }
        status.was_up = Some(failure.is_none());
        status.ended = Some(Ended {
            run,
            reached,
            failure: failure.cloned(),
            at: SystemTime::now(),
        });
    }
}
