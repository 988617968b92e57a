//! What becomes of an execution, in its collector's state and in the log.

use std::time::Duration;

use tokio::time::Instant;

use super::due::{Due, update};
use crate::postgres::failure::{Failure, Reason};
use crate::scrape::run::collector_state::Attempt;
use crate::scrape::run::database::Database;
use crate::scrape::run::env::Env;

/// No answer came in time.
pub(in crate::scrape) fn too_late(item: &Due, env: &Env<'_>) -> Failure {
    let branch = &item.collector.branch;
    Failure::timeout(if env.is_over() {
        format!("the scrape's deadline passed while {branch} was running")
    } else {
        format!(
            "no answer to {branch} within its timeout and {:?} for the network",
            env.grace
        )
    })
}

/// Whether the server has ended a statement after such a time for the run's `end`, as that was when it was sent, and the statement
/// would have more time now: a client with more time has joined.
pub(in crate::scrape) fn has_more_time(
    item: &Due,
    failure: &Failure,
    waited: Duration,
    end: Instant,
    env: &Env<'_>,
) -> bool {
    let is_timeout = failure.reason == Reason::Timeout && !failure.ends_session();
    // Where it ran into its own limit it does not have more.
    is_timeout && end < env.end() && env.limit(&item.collector) > waited.mul_f64(1.25)
}

/// An execution failed. `limit` is what the server allowed the statement; `waited` is how long the exporter waited for
/// an answer, `None` if it did not get so far as to run.
pub(in crate::scrape) fn fail(
    database: &Database,
    item: &Due,
    failure: Failure,
    limit: Option<Duration>,
    waited: Option<Duration>,
    env: &Env<'_>,
) {
    let branch = &item.collector.branch;
    let is_time = matches!(failure.reason, Reason::Timeout | Reason::LockTimeout);
    // Less than its own limit was left of the run.
    let was_limited = limit.is_some() && limit != item.collector.timeout;
    let attempt = Attempt {
        waited,
        is_cut_short: is_time && (was_limited || env.is_over()),
        interval: env.interval,
    };
    update(database, item, |one| {
        let is_new = one.stats.last_error.as_ref() != Some(&failure);
        let reason = failure.reason.word();
        if is_new {
            tracing::warn!(collector = %branch, database = %database.name, reason, "collector failed: {failure}");
        } else {
            tracing::debug!(collector = %branch, database = %database.name, reason, "collector failed again: {failure}");
        }
        one.failed(failure, env.run.at, attempt);
    });
}

/// An execution gave some rows and then an error: they are its result. `limit` is what the server allowed the statement.
pub(in crate::scrape) fn cut_short(
    database: &Database,
    item: &Due,
    failure: &Failure,
    limit: Duration,
    env: &Env<'_>,
) {
    let branch = &item.collector.branch;
    // With all of its own time it would have come further.
    let is_time = matches!(failure.reason, Reason::Timeout | Reason::LockTimeout);
    let was_limited = item.collector.timeout.is_some_and(|own| limit < own);
    let is_due_again = is_time && (env.is_over() || was_limited);
    update(database, item, |one| {
        let reason = failure.reason.word();
        if one.stats.last_error.as_ref() == Some(failure) {
            tracing::debug!(collector = %branch, database = %database.name, reason, "collector cut short again: {failure}");
        } else {
            tracing::warn!(collector = %branch, database = %database.name, reason, "collector cut short: {failure}");
        }
        one.cut_short(failure, is_due_again);
    });
}

/// The session ended before the collector was done.
pub(in crate::scrape) fn fail_unless_done(database: &Database, item: &Due, failure: &Failure, env: &Env<'_>) {
    let is_cut_short = env.is_over();
    let reason = if is_cut_short {
        Reason::Timeout
    } else {
        Reason::Connection
    };
    let attempt = Attempt {
        waited: None,
        is_cut_short,
        interval: env.interval,
    };
    update(database, item, |one| {
        if !one.has_answered_since(env.run.at) {
            let behind = Failure::new(reason, format!("not run: {}", failure.message));
            one.failed(behind, env.run.at, attempt);
        }
    });
}
