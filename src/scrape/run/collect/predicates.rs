//! The statements that decide whether a collector's query is run.

use std::time::Duration;

use tokio::time::Instant;

use super::due::{Due, update};
use super::outcome::{fail, has_more_time, too_late};
use super::watch::Watch;
use crate::postgres::failure::{Failure, Reason};
use crate::postgres::pipeline;
use crate::postgres::pipeline::{PendingQuery, QueryRequest};
use crate::postgres::rows::Format;
use crate::postgres::search_path::SearchPath;
use crate::postgres::session::{Session, StatementKey};
use crate::scrape::run::database::Database;
use crate::scrape::run::env::Env;

/// Asks the predicates, the first of every collector, then the second, and so on: a later one may only make sense
/// where an earlier one holds. What remains is to be run.
pub(in crate::scrape) async fn ask_all(
    database: &Database,
    session: &mut Session,
    mut due: Vec<Due>,
    env: &Env<'_>,
) -> Result<Vec<Due>, Failure> {
    let rounds = due.iter().map(|item| item.predicates.len()).max().unwrap_or(0);
    for round in 0..rounds {
        let mut asked = Vec::new();
        let mut remaining = Vec::new();
        for item in due {
            match cached_answer(database, &item, round, env) {
                None if item.predicates.len() > round => asked.push(item),
                None | Some(true) => remaining.push(item),
                Some(false) => {
                    update(database, &item, |one| one.skipped(env.run.at, Duration::ZERO));
                }
            }
        }
        remaining.extend(ask(database, session, asked, round, env).await?);
        due = remaining;
    }
    due.sort_by_key(|item| item.position);
    Ok(due)
}

fn cached_answer(database: &Database, item: &Due, round: usize, env: &Env<'_>) -> Option<bool> {
    let ttl = item.collector.predicates.get(round)?.ttl;
    let (answer, at) = update(database, item, |one| one.predicates.get(round)?.answer)??;
    (env.config.cache && env.run.at.saturating_duration_since(at) < ttl).then_some(answer)
}

async fn ask(
    database: &Database,
    session: &mut Session,
    asked: Vec<Due>,
    round: usize,
    env: &Env<'_>,
) -> Result<Vec<Due>, Failure> {
    let statements: Vec<(StatementKey, &str, SearchPath<'_>)> = asked
        .iter()
        .filter_map(|item| {
            let (key, query) = item.predicates.get(round)?;
            Some((*key, &**query, item.path()))
        })
        .collect();
    let refused = session
        .prepare(&statements, env.grace, env.end().into_std())
        .await?;
    let mut passed = Vec::new();
    let mut ready = Vec::new();
    for (item, (key, sql, path)) in asked.iter().zip(&statements) {
        match refused.iter().find(|(refused, _)| refused == key) {
            Some((_, failure)) => {
                fail(database, item, failure.clone(), None, None, env);
                if failure.ends_session() {
                    return Err(failure.clone());
                }
            }
            None => ready.push((
                item,
                QueryRequest {
                    key: *key,
                    sql,
                    timeout: env.limit(&item.collector),
                    path: *path,
                    is_timed: false,
                },
            )),
        }
    }
    let requests: Vec<QueryRequest<'_>> = ready.iter().map(|(_, request)| request.clone()).collect();
    let mut watch = Watch::new(session.round_trip());
    let end = env.end();
    let mut again = Vec::new();
    let mut pending = pipeline::send(session, &requests, end.into_std()).await;
    for (item, _) in ready {
        let Some(mut query) = pending.pop_front() else {
            break;
        };
        let began = Instant::now();
        let limit = query.timeout;
        let answer = env.within(limit, holds(&mut query)).await;
        let answer = answer.unwrap_or_else(|| Err(too_late(item, env)));
        let waited = watch.waited(began.elapsed()).waited;
        match answer {
            Err(failure) if has_more_time(item, &failure, waited, end, env) => again.push(item.clone()),
            Err(failure) if failure.ends_session() => {
                if query.has_begun() || !failure.is_fatal {
                    fail(database, item, failure.clone(), Some(limit), Some(waited), env);
                }
                return Err(failure);
            }
            Err(failure) => fail(database, item, failure, Some(limit), Some(waited), env),
            Ok(answer) => {
                update(database, item, |one| {
                    if let Some(predicate) = one.predicates.get_mut(round) {
                        predicate.answer = Some((answer, env.run.at));
                    }
                    if !answer {
                        one.skipped(env.run.at, waited);
                    }
                });
                if answer {
                    passed.push(item.clone());
                }
            }
        }
    }
    drop(pending);
    if !again.is_empty() {
        passed.extend(Box::pin(ask(database, session, again, round, env)).await?);
    }
    Ok(passed)
}

/// A predicate's answer: one row of one boolean; no row and NULL are no.
async fn holds(query: &mut PendingQuery<'_>) -> Result<bool, Failure> {
    const BOOL: u32 = 16;
    let mut rows = query.rows().await?;
    let Some(row) = rows.next().await? else {
        return Ok(false);
    };
    let cell = row.cell(0);
    let is_boolean = match row.format() {
        Format::Binary => row.columns().iter().map(|column| column.oid).eq([BOOL]),
        // Text does not tell its type.
        Format::Text => row.columns().len() == 1 && matches!(cell.as_deref(), None | Some(b"t" | b"f")),
    };
    if !is_boolean {
        return Err(Failure::new(
            Reason::Cast,
            "a predicate must return one column of type boolean",
        ));
    }
    let answer = matches!(cell.as_deref(), Some([1] | b"t"));
    match rows.next().await? {
        None => Ok(answer),
        Some(_) => Err(Failure::new(
            Reason::Other,
            "a predicate must return one row, not several",
        )),
    }
}
