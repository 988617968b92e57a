//! What the server denied, and what can do without it: tried again at once without the functions that the role may not execute, or
//! that raise an error whoever calls them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use pg_exporter_schema::{Collector, without_calls};
use tokio::time::Instant;

use super::due::{Due, update};
use super::outcome::fail;
use crate::postgres::denied::{self, Denied, Trial};
use crate::postgres::failure::{Failure, Reason};
use crate::postgres::session::Session;
use crate::scrape::run::database::Database;
use crate::scrape::run::env::Env;

/// How often a run looks for what a statement can do without: it may fail in three ways, one behind the other, by 42501, 0A000 and 55000.
const MOST_LOOKS: u8 = 3;

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
    let is_denied = failure.reason == Reason::Permission || failure.is_unsupported();
    is_denied && !item.collector.optional.is_empty() && item.looks < MOST_LOOKS
}

/// Asks which functions are denied, where that was asked too long ago, before the statements are run: that costs a round trip, and
/// no error in the server's log but for functions that raised one before.
///
/// # Errors
/// When the connection was lost, or the server did not answer in time.
pub(in crate::scrape) async fn ask_again(
    database: &Database,
    session: &mut Session,
    due: &mut [Due],
    env: &Env<'_>,
) -> Result<(), Failure> {
    let asking: Vec<Due> = due.iter().filter(|item| item.asks_again).cloned().collect();
    if asking.is_empty() {
        return Ok(());
    }
    let refused = asking.iter().flat_map(|item| &item.without.refused);
    let trial = Trial::Of(refused.map(AsRef::as_ref).collect());
    let Some(denied) = ask(session, &asking, &trial, env).await? else {
        return Ok(());
    };
    for item in due.iter_mut().filter(|item| item.asks_again) {
        leave_out_of(database, session, item, &denied, None, env);
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
    if refused.is_empty() {
        return Ok(again);
    }
    let items: Vec<Due> = refused.iter().map(|one| one.item.clone()).collect();
    let before = items.iter().flat_map(|item| &item.without.refused);
    let trial = match refused.iter().any(|one| one.failure.is_unsupported()) {
        true => Trial::All,
        false => Trial::Of(before.map(AsRef::as_ref).collect()),
    };
    let denied = ask(session, &items, &trial, env).await?;
    for Refused {
        mut item,
        failure,
        limit,
        waited,
    } in refused
    {
        let before = item.without.clone();
        let code = failure.sqlstate.as_deref();
        let is_installed = denied
            .as_ref()
            .is_none_or(|denied| leave_out_of(database, session, &mut item, denied, code, env));
        if !is_installed {
            continue;
        }
        if item.without == before && item.collector.partial && failure.is_unsupported() {
            // What came before the error is its result.
            item.looks = MOST_LOOKS;
            again.push(item);
        } else if item.without == before {
            fail(database, &item, failure, Some(limit), Some(waited), env);
        } else {
            item.looks += 1;
            item.retries = 0;
            again.push(item);
        }
    }
    Ok(again)
}

/// Which functions are denied of those that these can do without; `None` where the server does not say.
async fn ask(
    session: &mut Session,
    items: &[Due],
    trial: &Trial<'_>,
    env: &Env<'_>,
) -> Result<Option<Denied>, Failure> {
    let collectors: Vec<Arc<Collector>> = items.iter().map(|item| Arc::clone(&item.collector)).collect();
    let optional = collectors.iter().flat_map(|collector| collector.optional.iter());
    let functions: BTreeSet<&str> = optional.map(AsRef::as_ref).collect();
    let functions: Vec<&str> = functions.into_iter().collect();
    let deadline = env.end().min(Instant::now() + env.grace);
    match denied::read(session, &functions, trial, deadline.into_std()).await {
        // Without an SQLSTATE it is not the server's answer, and the session is of no use.
        Err(lost) if lost.sqlstate.is_none() || lost.ends_session() => Err(lost),
        answer => Ok(answer.ok()),
    }
}

/// Takes what is denied out of the collector's statement, or puts it back; whether the collector is still installed. A run beside
/// this one may have done so already.
fn leave_out_of(
    database: &Database,
    session: &mut Session,
    item: &mut Due,
    denied: &Denied,
    code: Option<&str>,
    env: &Env<'_>,
) -> bool {
    let functions = denied.of(&item.collector.optional, &item.without, code);
    let reduce = |sql: &str| {
        without_calls(sql, |name| match functions.has(name) {
            true => denied.instead(name),
            false => None,
        })
    };
    let changed = update(database, item, |one| {
        one.deny(functions.clone(), reduce, || env.next_key(), env.run.at);
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
    item.without = functions;
    true
}
