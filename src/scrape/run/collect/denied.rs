//! What the server denied, and what can do without it: tried again at once without the functions that the role may not execute.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use pg_exporter_schema::{Collector, without_calls};
use tokio::time::Instant;

use super::due::{Due, update};
use super::outcome::fail;
use crate::postgres::denied;
use crate::postgres::failure::{Failure, Reason};
use crate::postgres::session::Session;
use crate::scrape::run::database::Database;
use crate::scrape::run::env::Env;

/// An execution that was denied.
pub(in crate::scrape) struct Refused {
    pub(in crate::scrape) item: Due,
    pub(in crate::scrape) failure: Failure,
    /// What the server allowed the statement, and for how long its answer was waited for.
    pub(in crate::scrape) limit: Duration,
    pub(in crate::scrape) waited: Duration,
}

/// Whether a statement that failed so may have less in it that the server denies.
pub(in crate::scrape) fn may_do_without(item: &Due, failure: &Failure) -> bool {
    failure.reason == Reason::Permission && !item.collector.optional.is_empty() && !item.is_reduced
}

/// Asks which functions are denied, where that was asked too long ago, before the statements are run: that costs a round trip, and
/// no error in the server's log.
///
/// # Errors
/// When the connection was lost, or the server did not answer in time.
pub(in crate::scrape) async fn ask_again(
    database: &Database,
    session: &mut Session,
    due: &mut [Due],
    env: &Env<'_>,
) -> Result<(), Failure> {
    let asking = due.iter().filter(|item| item.asks_again);
    let collectors: Vec<Arc<Collector>> = asking.map(|item| Arc::clone(&item.collector)).collect();
    let optional = collectors.iter().flat_map(|collector| collector.optional.iter());
    let functions: BTreeSet<&str> = optional.map(AsRef::as_ref).collect();
    if functions.is_empty() {
        return Ok(());
    }
    let functions: Vec<&str> = functions.into_iter().collect();
    let denied = ask(session, &functions, env).await?;
    for item in due.iter_mut().filter(|item| item.asks_again) {
        leave_out_of(database, session, item, &denied, env);
    }
    Ok(())
}

/// Takes what is denied out of the statements. Returns those that are to be tried again; the others have failed.
pub(in crate::scrape) async fn leave_out(
    database: &Database,
    session: &mut Session,
    refused: Vec<Refused>,
    env: &Env<'_>,
) -> Result<Vec<Due>, Failure> {
    let mut again = Vec::with_capacity(refused.len());
    for Refused {
        mut item,
        failure,
        limit,
        waited,
    } in refused
    {
        let functions: Vec<&str> = item.collector.optional.iter().map(AsRef::as_ref).collect();
        let denied = ask(session, &functions, env).await?;
        if denied.is_empty() {
            fail(database, &item, failure, Some(limit), Some(waited), env);
        } else if leave_out_of(database, session, &mut item, &denied, env) {
            item.is_reduced = true;
            item.retries = 0;
            again.push(item);
        }
    }
    Ok(again)
}

/// Which of the functions are denied, with what stands for each; none where the server does not say.
async fn ask(
    session: &mut Session,
    functions: &[&str],
    env: &Env<'_>,
) -> Result<BTreeMap<String, String>, Failure> {
    let deadline = env.end().min(Instant::now() + env.grace);
    match denied::read(session, functions, deadline.into_std()).await {
        // Without an SQLSTATE it is not the server's answer, and the session is of no use.
        Err(lost) if lost.sqlstate.is_none() || lost.ends_session() => Err(lost),
        Err(_) => Ok(BTreeMap::new()),
        Ok(denied) => Ok(denied),
    }
}

/// Takes what is denied out of the collector's statement, or puts it back; whether the collector is still installed. A run beside
/// this one may have done so already.
fn leave_out_of(
    database: &Database,
    session: &mut Session,
    item: &mut Due,
    denied: &BTreeMap<String, String>,
    env: &Env<'_>,
) -> bool {
    let is_optional = |name: &String| item.collector.optional.iter().any(|one| **one == **name);
    let names: Vec<String> = denied.keys().filter(|name| is_optional(name)).cloned().collect();
    let without = |sql: &str| {
        without_calls(sql, |name| {
            names.iter().find(|denied| *denied == name)?;
            denied.get(name).map(String::as_str)
        })
    };
    let changed = update(database, item, |one| {
        one.deny(names.clone(), without, || env.next_key(), env.run.at);
        (one.key, one.query.clone())
    });
    let Some((key, query)) = changed else {
        return false;
    };
    if item.key != key {
        session.forget(item.key);
        item.key = key;
        item.query = query;
        item.decoder = None;
    }
    item.denied = names;
    true
}
