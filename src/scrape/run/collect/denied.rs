//! What the server denied, and what can do without it: tried again at once without the functions that the role may not execute.

use std::collections::BTreeMap;
use std::time::Duration;

use pg_exporter_schema::without_calls;
use tokio::time::Instant;

use super::due::{Due, update};
use super::outcome::fail;
use crate::postgres::denied;
use crate::postgres::failure::{Failure, Reason};
use crate::postgres::session::Session;
use crate::scrape::run::collector_state::Text;
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
        let deadline = env.end().min(Instant::now() + env.grace);
        let denied = match denied::read(session, &functions, deadline.into_std()).await {
            // Without an SQLSTATE it is not the server's answer, and the session is of no use.
            Err(lost) if lost.sqlstate.is_none() || lost.reason == Reason::Connection => return Err(lost),
            Err(_) => BTreeMap::new(),
            Ok(denied) => denied,
        };
        if denied.is_empty() {
            fail(database, &item, failure, Some(limit), Some(waited), env);
            continue;
        }
        // Of the whole statement: it may have been reduced by what is allowed again.
        let Some(whole) = update(database, &item, |one| one.whole().clone()) else {
            continue;
        };
        let text = without_calls(&whole, |name| denied.get(name).map(String::as_str));
        let text = Text::Made(text.into());
        let names: Vec<String> = denied.into_keys().collect();
        let key = env.next_key();
        session.forget(item.key);
        update(database, &item, |one| {
            one.do_without(names.clone(), text.clone(), key, env.run.at);
        });
        item.key = key;
        item.query = text;
        item.denied = names;
        item.is_reduced = true;
        item.decoder = None;
        item.retries = 0;
        again.push(item);
    }
    Ok(again)
}
