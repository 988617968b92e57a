//! Runs what is due on one database: predicates in rounds, then the statements, all pipelined.

mod env;
mod outcome;
mod predicates;
mod statements;

use std::sync::Arc;
use std::time::Instant;

use pg_exporter_schema::Collector;

pub use env::Env;

use super::database::Database;
use super::decode::Decoder;
use super::slot::Slot;
use crate::target::failure::Failure;
use crate::target::session::{Session, StatementKey};
use outcome::fail_unless_done;

/// A collector to run: a copy of what the slot says, so that the slot is not borrowed across waits.
#[derive(Clone, Debug)]
pub(super) struct Due {
    pub(super) slot: usize,
    pub(super) key: StatementKey,
    pub(super) collector: Arc<Collector>,
    pub(super) predicates: Vec<StatementKey>,
    pub(super) decoder: Option<Arc<Decoder>>,
    /// Times it has been tried on this session after the server refused its prepared statement.
    pub(super) retries: u8,
}

/// Runs what is due. The session goes back to the pool, or is given up when it is of no more use. That the run's
/// deadline passed is a failure of the collectors that were not done by then, not of the database.
///
/// # Errors
/// When the connection was lost, or the server did not answer in time.
pub(super) async fn run(database: &Database, mut session: Session, env: &Env<'_>) -> Result<(), Failure> {
    let due = take_due(database, env);
    let ended = match predicates::ask_all(database, &mut session, due.clone(), env).await {
        Ok(due) => statements::run_all(database, &mut session, due, env).await,
        Err(failure) => Err(failure),
    };
    match ended {
        Ok(()) => {
            env.pool.put(&database.name, session, database.discovered);
            Ok(())
        }
        Err(failure) => {
            session.abandon();
            for item in &due {
                // What did not get its turn fails with the session.
                fail_unless_done(database, item, &failure, env);
            }
            if Instant::now() < env.deadline() {
                Err(failure)
            } else {
                Ok(())
            }
        }
    }
}

fn take_due(database: &Database, env: &Env<'_>) -> Vec<Due> {
    let mut state = database.state.borrow_mut();
    let mut due = Vec::new();
    let selected = |slot: &Slot| env.selection.includes(&slot.collector.name);
    for (at, slot) in state
        .slots
        .iter_mut()
        .enumerate()
        .filter(|(_, slot)| selected(slot))
    {
        if slot.is_due(env.start, env.config.cache) {
            slot.begin();
            due.push(Due {
                slot: at,
                key: slot.key,
                collector: Arc::clone(&slot.collector),
                predicates: slot.predicates.iter().map(|predicate| predicate.key).collect(),
                decoder: None,
                retries: 0,
            });
        } else {
            slot.hit();
        }
    }
    due
}
