//! What becomes of an execution, in its slot and in the log.

use std::time::{Duration, Instant};

use super::{Due, Env};
use crate::postgres::failure::{Failure, Reason};
use crate::scrape::run::collector_state::CollectorState;
use crate::scrape::run::database::Database;

pub(in crate::scrape) fn too_late(item: &Due, env: &Env<'_>) -> Failure {
    let branch = &item.collector.branch;
    Failure::timeout(if Instant::now() >= env.deadline() {
        format!("the scrape's deadline passed while {branch} was running")
    } else {
        format!(
            "no answer to {branch} within its timeout and {:?} for the network",
            env.grace
        )
    })
}

pub(in crate::scrape) fn fail(
    database: &Database,
    item: &Due,
    failure: Failure,
    took: Option<Duration>,
    env: &Env<'_>,
) {
    let branch = &item.collector.branch;
    with_slot(database, item, |slot| {
        let is_new = slot.stats.last_error.as_ref() != Some(&failure);
        let reason = failure.reason.word();
        if is_new {
            tracing::warn!(collector = %branch, database = %database.name, reason, "collector failed: {failure}");
        } else {
            tracing::debug!(collector = %branch, database = %database.name, reason, "collector failed again: {failure}");
        }
        slot.failed(failure, env.start, took, env.interval);
    });
}

pub(in crate::scrape) fn fail_unless_done(database: &Database, item: &Due, failure: &Failure, env: &Env<'_>) {
    let is_done = with_slot(database, item, |slot| slot.has_answered_since(env.start));
    if is_done == Some(false) {
        let reason = if Instant::now() < env.deadline() {
            Reason::Connection
        } else {
            Reason::Timeout
        };
        let behind = Failure::new(reason, format!("not run: {}", failure.message));
        with_slot(database, item, |slot| {
            slot.failed(behind, env.start, None, env.interval);
        });
    }
}

/// Changes the collector's slot, unless the database has been planned anew without it: by a run beside this one.
pub(in crate::scrape) fn with_slot<T>(
    database: &Database,
    item: &Due,
    change: impl FnOnce(&mut CollectorState) -> T,
) -> Option<T> {
    let mut state = database.state.borrow_mut();
    let slot = state.slots.iter_mut().find(|slot| slot.key == item.key)?;
    Some(change(slot))
}
