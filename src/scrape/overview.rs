//! A target's state for people: what is planned where, and how its executions went.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use pg_exporter_schema::Collector;

use super::database::State;
use super::slot::{Slot, Stats};
use super::target::Target;
use crate::catalog::Live;
use crate::target::failure::Failure;
use crate::target::plan::Verdict;
use crate::target::session::Kind;

/// What is known of a target at one moment.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    /// The set in force, in the order of execution.
    pub collectors: Vec<Arc<Collector>>,
    /// One entry per database, the URL's first.
    pub databases: Vec<DatabaseOverview>,
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
    /// Whether its last scrape succeeded.
    pub up: bool,
    /// Why its last scrape failed.
    pub error: Option<String>,
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
    /// `ok`, `cached`, `failed`, `paused`, `skipped by predicate`, `not run yet`.
    pub state: &'static str,
    /// Seconds of the last execution.
    pub duration: f64,
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
    /// When the last execution ended.
    pub last_execution: Option<SystemTime>,
    /// Last error, without secrets; kept after it has passed.
    pub last_error: Option<Failure>,
}

impl Target {
    /// What is known of every database and collector.
    #[must_use]
    pub fn overview(&self) -> Overview {
        let start = self.last_run();
        let live = self.catalog.live();
        let databases = self.databases().into_iter().map(|database| {
            let name = database.label();
            let state = database.state.borrow();
            DatabaseOverview {
                name,
                version: state.facts.version,
                kind: state.kind,
                up: state.is_up(start),
                error: state.failure(start).map(ToString::to_string),
                verdicts: verdicts(&live, &state),
                collectors: state.slots.iter().map(|slot| collector(slot, start)).collect(),
            }
        });
        Overview {
            databases: databases.collect(),
            collectors: live.collectors.clone(),
        }
    }
}

fn verdicts(live: &Live, state: &State) -> Vec<Option<Verdict>> {
    let planned: HashMap<&str, _> = state
        .plan
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

fn collector(slot: &Slot, start: Instant) -> CollectorOverview {
    let Stats {
        duration,
        errors,
        executions,
        hits,
        predicate_skips,
        total_duration,
        last_execution,
        ..
    } = slot.stats;
    CollectorOverview {
        name: slot.collector.name.to_string(),
        branch: slot.collector.branch.to_string(),
        state: slot.state(start),
        duration: duration.as_secs_f64(),
        age: slot.age(start).map(|age| (age + start.elapsed()).as_secs_f64()),
        series: slot.served(start).map_or(0, |samples| samples.series),
        errors,
        executions,
        hits,
        skips: predicate_skips,
        total_duration,
        last_execution,
        last_error: slot.stats.last_error.clone(),
    }
}
