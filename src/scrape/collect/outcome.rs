//! What becomes of an execution, in its slot and in the log.

use std::time::{Duration, Instant};

use super::{Due, Env};
use crate::scrape::database::Database;
use crate::scrape::slot::Slot;
use crate::target::failure::{Failure, Reason};

pub(super) fn too_late(item: &Due, env: &Env<'_>) -> Failure {
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

pub(super) fn fail(database: &Database, item: &Due, failure: Failure, took: Option<Duration>, env: &Env<'_>) {
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

pub(super) fn fail_unless_done(database: &Database, item: &Due, failure: &Failure, env: &Env<'_>) {
    let is_done = database
        .state
        .borrow()
        .slots
        .get(item.slot)
        .is_none_or(|slot| slot.was_executed_at(env.start));
    if !is_done {
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

pub(super) fn with_slot(database: &Database, item: &Due, change: impl FnOnce(&mut Slot)) {
    if let Some(slot) = database.state.borrow_mut().slots.get_mut(item.slot) {
        change(slot);
    }
}
