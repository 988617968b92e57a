//! Runs what is due on one database: predicates in rounds, then the statements, all pipelined.

mod denied;
mod due;
mod outcome;
mod predicates;
mod statements;
mod watch;

use tokio::time::Instant;

use super::database::Database;
use super::env::Env;
use crate::postgres::deadline::within;
use crate::postgres::failure::Failure;
use crate::postgres::session::Session;
use outcome::fail_unless_done;

pub(in crate::scrape) use due::{Due, take, take_rest};

/// Runs what is due. The session goes back to the pool, or is given up when it is of no more use: what is not done by then waits
/// for another one, or for [`give_up`].
///
/// # Errors
/// When the connection was lost, or the server did not answer in time.
pub(in crate::scrape) async fn run(
    database: &Database,
    mut session: Session,
    due: &[Due],
    env: &Env<'_>,
) -> Result<(), Failure> {
    let work = async {
        if due.iter().any(|item| item.path().is_of_role()) {
            learn_role_path(&mut session, env).await?;
        }
        let mut due = due.to_vec();
        denied::ask_again(database, &mut session, &mut due, env).await?;
        let due = predicates::ask_all(database, &mut session, due, env).await?;
        statements::run_all(database, &mut session, due, env).await
    };
    let ended = tokio::select! {
        biased;
        failure = database.wanted() => Err(failure),
        ended = work => ended,
    };
    let Err(failure) = ended else {
        env.pool.put(&database.name, session, database.discovered);
        return Ok(());
    };
    database.endpoint.notice(&failure);
    session.abandon();
    Err(failure)
}

/// What did not get its turn fails with the session. That the run's time was over is a failure of these collectors, not of the
/// database.
///
/// # Errors
/// The failure, while the run has time.
pub(in crate::scrape) fn give_up(
    database: &Database,
    due: &[Due],
    failure: Failure,
    env: &Env<'_>,
) -> Result<(), Failure> {
    for item in due {
        fail_unless_done(database, item, &failure, env);
    }
    if env.is_over() { Ok(()) } else { Err(failure) }
}

async fn learn_role_path(session: &mut Session, env: &Env<'_>) -> Result<(), Failure> {
    let deadline = env.end().min(Instant::now() + env.grace);
    match within(deadline.into_std(), session.learn_role_path(env.grace)).await {
        Ok(learned) => learned,
        Err(_) => Err(Failure::timeout(
            "the server did not tell the role's search path in time",
        )),
    }
}
