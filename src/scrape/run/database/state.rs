//! What is known of one database, and how its scrapes went.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use pg_exporter_schema::Collector;
use tokio::time::Instant;

use super::access::Access;
use crate::catalog::Live;
use crate::catalog::facts::{Facts, Kind};
use crate::catalog::plan;
use crate::catalog::plan::{Context, Plan};
use crate::postgres::encryption::Encryption;
use crate::postgres::failure::Failure;
use crate::scrape::rows::batch::Batch;
use crate::scrape::rows::row::has_the_same_rows;
use crate::scrape::run::collector_state::CollectorState;
use crate::scrape::run::env::Env;
use crate::scrape::schedule::run_id::{RunId, RunStart};

/// What is known of a database.
#[derive(Debug, Default)]
pub(in crate::scrape) struct State {
    pub(in crate::scrape) facts: Facts,
    /// What the last session was with: behind a pooler, statements run unnamed.
    pub(in crate::scrape) kind: Option<Kind>,
    /// Whether a pooler ended transactions with each message.
    pub(in crate::scrape) is_by_message: bool,
    /// What protected it.
    pub(in crate::scrape) encryption: Option<Encryption>,
    /// Whether its owner would have had the last session take a role.
    pub(in crate::scrape) is_role_refused: bool,
    /// Installed collectors in the order of execution.
    pub(in crate::scrape) collectors: Vec<CollectorState>,
    /// Those of branches that are not installed at the moment: their counts survive.
    pub(in crate::scrape) resting: HashMap<String, CollectorState>,
    /// What it was planned of, besides the facts.
    pub(in crate::scrape) planned: Option<Planned>,
    /// The last reload that was taken notice of.
    pub(in crate::scrape) reloaded: Option<SystemTime>,
    /// The run that planned last.
    pub(in crate::scrape) learned: Option<RunId>,
    pub(in crate::scrape) access: Access,
    /// What the runs that are on and the last one found.
    pub(in crate::scrape) passes: BTreeMap<RunId, Pass>,
    /// When it was last scraped, or found to have nothing to be scraped for.
    pub(in crate::scrape) scraped: Option<Instant>,
    /// The last run that had its turn here, however it ended.
    pub(in crate::scrape) turn: Option<Instant>,
    /// Whether the last run was over before it got here.
    pub(in crate::scrape) was_passed_over: bool,
    pub(in crate::scrape) status: Status,
}

/// What a database was planned of, besides its facts.
#[derive(Debug)]
pub(in crate::scrape) struct Planned {
    pub(in crate::scrape) live: Arc<Live>,
    pub(in crate::scrape) context: Context,
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
    /// What the last run that has ended found; `None` before the first.
    pub(in crate::scrape) ended: Option<Ended>,
    pub(in crate::scrape) scrapes: u64,
    pub(in crate::scrape) errors: u64,
    pub(in crate::scrape) last: Duration,
    pub(in crate::scrape) total: Duration,
}

/// What a run that has ended found.
#[derive(Clone, Debug)]
pub(in crate::scrape) struct Ended {
    pub(in crate::scrape) run: RunStart,
    /// Whether it read the database's facts.
    pub(in crate::scrape) reached: bool,
    /// Why it failed.
    pub(in crate::scrape) failure: Option<Failure>,
    /// When it ended with the database.
    pub(in crate::scrape) at: SystemTime,
}

impl State {
    /// The verdicts on all branches, made again of what they were made of: kept, they would take more than the results of a small
    /// database do.
    pub(in crate::scrape) fn plan(&self) -> Plan {
        match &self.planned {
            Some(planned) => plan::plan(&planned.live.collectors, &self.facts, &planned.context),
            None => Plan::default(),
        }
    }

    /// The last result of a definition, where it is the one installed and its results are kept.
    pub(in crate::scrape) fn rows(&self, wanted: &Collector) -> Option<Arc<Batch>> {
        let is_wanted = |one: &&CollectorState| has_the_same_rows(&one.collector, wanted);
        self.collectors.iter().find(is_wanted)?.batch.clone()
    }

    /// The same, if it is served to the run begun at `start`, and its age as of now.
    pub(in crate::scrape) fn rows_served(
        &self,
        wanted: &Collector,
        start: Instant,
    ) -> Option<(Arc<Batch>, Duration)> {
        let is_served =
            |one: &&CollectorState| one.served(start).is_some() && has_the_same_rows(&one.collector, wanted);
        let one = self.collectors.iter().find(is_served)?;
        Some((one.batch.clone()?, one.good()?.elapsed()))
    }

    /// What that run found so far.
    pub(in crate::scrape) fn pass(&mut self, run: RunId) -> &mut Pass {
        self.passes.entry(run).or_default()
    }

    /// Whether that run read its facts.
    pub(in crate::scrape) fn was_reached(&self, run: RunId) -> bool {
        self.passes.get(&run).is_some_and(|pass| pass.reached)
    }

    /// Why that run failed.
    pub(in crate::scrape) fn failure(&self, run: RunId) -> Option<&Failure> {
        self.passes.get(&run)?.failure.as_ref()
    }

    /// Whether the database answers that run: its facts were read, and no fatal collector failed or is yet to answer. One
    /// that the role is denied, or that such a server does not have, was answered.
    pub(in crate::scrape) fn is_up(&self, run: RunStart) -> bool {
        let is_pending = |one: &CollectorState| one.collector.fatal && one.is_pending(run.at);
        let is_well = self.failure(run.id).is_none() && self.fatal_failure().is_none();
        self.was_reached(run.id) && is_well && !self.collectors.iter().any(is_pending)
    }

    /// Whether the server is the one that it was when the database was last scraped, and the set of collectors too, as far as
    /// the URL's database can tell: results that are still fresh may be served then.
    pub(in crate::scrape) fn is_as_it_was(&self, main: &Facts, env: &Env<'_>) -> bool {
        let is_planned = self
            .planned
            .as_ref()
            .is_some_and(|planned| Arc::ptr_eq(&planned.live, env.live));
        let was_well = self
            .status
            .ended
            .as_ref()
            .is_some_and(|ended| ended.failure.is_none());
        is_planned
            && was_well
            && self.reloaded == Some(env.reloaded)
            && self.facts.cluster == main.cluster
            && self.facts.version == main.version
            && self.facts.in_recovery == main.in_recovery
            && self.facts.user == main.user
    }

    /// Whether something that is selected is due.
    pub(in crate::scrape) fn has_due(&self, env: &Env<'_>) -> bool {
        let is_selected = |one: &CollectorState| env.selection.includes(&one.collector.name);
        let mut selected = self.collectors.iter().filter(|one| is_selected(one));
        selected.any(|one| one.is_due(env.run.at, env.config.cache))
    }

    /// All of it is served from the cache in that run, without having been asked for.
    pub(in crate::scrape) fn rest(&mut self, env: &Env<'_>) {
        let is_selected = |one: &CollectorState| env.selection.includes(&one.collector.name);
        for one in self.collectors.iter_mut().filter(|one| is_selected(one)) {
            one.hit();
        }
        self.pass(env.run.id).reached = true;
        self.was_passed_over = false;
        self.scraped = Some(Instant::now());
    }

    /// Takes notice of what protects the connection; what is less than it could be is told in the log, once.
    pub(in crate::scrape) fn notice_encryption(&mut self, database: &str, now: &Encryption) {
        if self.encryption.as_ref() == Some(now) {
            return;
        }
        if let Some(warning) = now.warning() {
            tracing::warn!(database, "{warning}");
        }
        self.encryption = Some(now.clone());
    }

    /// Takes notice of whether the database's owner has chosen a role for the sessions of others, which ours do not take; that is told in
    /// the log, once.
    pub(in crate::scrape) fn notice_role(&mut self, database: &str, is_refused: bool) {
        if is_refused && !self.is_role_refused {
            tracing::warn!(
                database,
                "the database sets a role for all its sessions (ALTER DATABASE … SET role), which ours do not take; what is meant for \
                 the exporter is set by ALTER ROLE"
            );
        }
        self.is_role_refused = is_refused;
    }

    /// Why a fatal collector failed, if one did for another reason than that it is denied.
    pub(in crate::scrape) fn fatal_failure(&self) -> Option<Failure> {
        let fatal_ones = self.collectors.iter().filter(|one| one.collector.fatal);
        let mut failures = fatal_ones.filter_map(|one| one.outcome().failure());
        failures.find(|failure| !failure.is_denial()).cloned()
    }

    /// A run has ended with the database.
    pub(in crate::scrape) fn finish(&mut self, name: &str, run: RunStart, failure: Option<&Failure>) {
        let pass = self.pass(run.id);
        pass.failure = failure.cloned();
        let took = pass.began.map(|began| began.elapsed()).unwrap_or_default();
        let (began, reached) = (pass.began, pass.reached);
        self.turn = began.or(self.turn);
        self.was_passed_over = false;
        if failure.is_none() {
            self.scraped = Some(Instant::now());
        }
        let (database, status) = (name, &mut self.status);
        status.scrapes += 1;
        status.errors += u64::from(failure.is_some());
        status.last = took;
        status.total += took;
        let was_up = status.ended.as_ref().map(|ended| ended.failure.is_none());
        match failure {
            Some(failure) if was_up != Some(false) => {
                let reason = failure.reason.word();
                tracing::warn!(database, reason, "scrape failed: {failure}");
            }
            None if was_up != Some(true) => {
                let (version, in_recovery) = (self.facts.version, self.facts.in_recovery);
                tracing::info!(database, version, in_recovery, "scrape succeeded");
            }
            Some(_) | None => {}
        }
        status.ended = Some(Ended {
            run,
            reached,
            failure: failure.cloned(),
            at: SystemTime::now(),
        });
    }
}
