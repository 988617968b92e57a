//! Runs what is due on one database: predicates in rounds, then the statements, all pipelined.

mod env;
mod outcome;
mod predicates;
mod statements;

use std::sync::Arc;
use std::time::Instant;

use pg_exporter_schema::Collector;
use tokio::time::timeout_at;

pub use env::{Env, On};

use super::collector_state::{CollectorState, PredicateSlot};
use super::database::Database;
use crate::postgres::deadline::within;
use crate::postgres::failure::Failure;
use crate::postgres::search_path::SearchPath;
use crate::postgres::session::{Session, StatementKey};
use crate::scrape::rows::decode::Decoder;
use outcome::fail_unless_done;

/// A collector to run: a copy of what the slot says, so that the slot is not borrowed across waits.
#[derive(Clone, Debug)]
pub(in crate::scrape) struct Due {
    /// Its place in the order of execution.
    pub(in crate::scrape) place: usize,
    pub(in crate::scrape) key: StatementKey,
    pub(in crate::scrape) collector: Arc<Collector>,
    pub(in crate::scrape) query: Arc<str>,
    pub(in crate::scrape) on_role_path: bool,
    /// The statement and its text of each predicate.
    pub(in crate::scrape) predicates: Vec<(StatementKey, Arc<str>)>,
    pub(in crate::scrape) decoder: Option<Arc<Decoder>>,
    /// Times it has been tried on this session after the server refused its prepared statement.
    pub(in crate::scrape) retries: u8,
}

impl Due {
    /// Where the names of its statements are looked for: shipped ones name all that is not in `pg_catalog`; a site's own may
    /// rely on the role's path.
    pub(in crate::scrape) fn path(&self) -> SearchPath<'_> {
        if self.on_role_path {
            SearchPath::Role
        } else {
            SearchPath::Catalog
        }
    }
}

/// Runs what is due. The session goes back to the pool, or is given up when it is of no more use. That the run's
/// deadline passed is a failure of the collectors that were not done by then, not of the database.
///
/// # Errors
/// When the connection was lost, or the server did not answer in time.
pub(in crate::scrape) async fn run(
    database: &Database,
    mut session: Session,
    env: &Env<'_>,
) -> Result<(), Failure> {
    let (due, shared) = take_due(database, env);
    let work = async {
        if due.iter().any(|item| item.path() == SearchPath::Role) {
            learn_role_path(&mut session, env).await?;
        }
        let due = predicates::ask_all(database, &mut session, due.clone(), env).await?;
        statements::run_all(database, &mut session, due, env).await
    };
    let ended = tokio::select! {
        biased;
        failure = database.wanted() => Err(failure),
        ended = work => ended,
    };
    match ended {
        Ok(()) => {
            env.pool.put(&database.name, session, database.discovered);
            wait_for_others(database, &shared, env).await;
            Ok(())
        }
        Err(failure) => {
            session.abandon();
            for item in &due {
                // What did not get its turn fails with the session.
                fail_unless_done(database, item, &failure, env);
            }
            database.answers.notify_waiters();
            if Instant::now() < env.deadline() {
                Err(failure)
            } else {
                Ok(())
            }
        }
    }
}

async fn learn_role_path(session: &mut Session, env: &Env<'_>) -> Result<(), Failure> {
    let deadline = env.deadline().min(Instant::now() + env.grace);
    match within(deadline, session.learn_role_path(env.grace)).await {
        Ok(learned) => learned,
        Err(_) => Err(Failure::timeout(
            "the server did not tell the role's search path in time",
        )),
    }
}

/// What is due: to be executed, and what the server executes for another run at the moment, unless that run ends too
/// early for this one. The answer will serve both.
fn take_due(database: &Database, env: &Env<'_>) -> (Vec<Due>, Vec<StatementKey>) {
    let mut state = database.state.borrow_mut();
    let (mut due, mut shared) = (Vec::new(), Vec::new());
    let selected = |slot: &CollectorState| env.selection.includes(&slot.collector.name);
    for (at, slot) in state
        .slots
        .iter_mut()
        .enumerate()
        .filter(|(_, slot)| selected(slot))
    {
        if !slot.is_due(env.start, env.config.cache) {
            slot.hit();
            continue;
        }
        slot.begin(env.start);
        if slot.running().is_some_and(|execution| env.shares(execution)) {
            shared.push(slot.key);
        } else {
            due.push(Due {
                place: at,
                key: slot.key,
                collector: Arc::clone(&slot.collector),
                query: Arc::clone(&slot.query),
                on_role_path: slot.on_role_path,
                predicates: predicates(slot),
                decoder: None,
                retries: 0,
            });
        }
    }
    (due, shared)
}

fn predicates(slot: &CollectorState) -> Vec<(StatementKey, Arc<str>)> {
    let pair = |predicate: &PredicateSlot| (predicate.key, Arc::clone(&predicate.query));
    slot.predicates.iter().map(pair).collect()
}

/// Waits until the statements have been answered that the server executes for other runs, or for the deadline.
async fn wait_for_others(database: &Database, keys: &[StatementKey], env: &Env<'_>) {
    let is_awaited = |slot: &CollectorState| {
        keys.contains(&slot.key)
            && slot.is_pending(env.start)
            && slot
                .running()
                .is_some_and(|execution| env.is_other(execution.scrape))
    };
    loop {
        // Before the look, so that no answer is missed between it and the wait.
        let answer = database.answers.notified();
        let deadline = env.deadline();
        if deadline <= Instant::now() || !database.state.borrow().slots.iter().any(is_awaited) {
            return;
        }
        // At the deadline the page shows what is there.
        let _ = timeout_at(deadline.into(), answer).await;
    }
}
