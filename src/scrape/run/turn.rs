//! A database's turn in a run: connect, read the facts, plan, run what is due.

use tokio::time::Instant;

use super::collect;
use super::database::Database;
use super::env::Env;
use crate::postgres::facts;
use crate::postgres::failure::{Failure, Reason};
use crate::postgres::session::Session;

/// A whole turn; none, and no error, while someone wants the database for themselves.
pub(in crate::scrape) async fn take(database: &Database, env: &Env<'_>) {
    if database.is_left() {
        let failure = database.wanted().await;
        database.state.borrow_mut().pass(env.run.id).failure = Some(failure);
        return;
    }
    match begin(database, env).await {
        Ok(session) => finish(database, session, env).await,
        Err(failure) => database.fail(env.run, &failure),
    }
}

/// Connects if need be, reads the facts, plans anew if they changed. The session is for [`finish`].
///
/// # Errors
/// When the database cannot be reached or asked.
pub(in crate::scrape) async fn begin(database: &Database, env: &Env<'_>) -> Result<Session, Failure> {
    database.state.borrow_mut().pass(env.run.id).began = Some(Instant::now());
    if let Some(session) = env.pool.take(&database.name) {
        match learn(database, session, env).await {
            // It was closed while it idled between scrapes: one more try on a new one. A server that does not answer at all
            // will not answer that one either.
            Err(failure) if failure.reason == Reason::Connection => {}
            answer => return answer,
        }
    }
    if let Some(failure) = &env.refused {
        return Err(failure.clone());
    }
    let is_up = || env.health.state().is_up();
    if let Some(failure) = database.state.borrow().access.obstacle(is_up()) {
        return Err(failure);
    }
    let opened = env
        .pool
        .open_session(&database.endpoint, env.end().into_std())
        .await;
    let answer = match opened {
        Ok(session) => learn(database, session, env).await,
        Err(Some(failure)) => Err(failure),
        Err(None) => {
            return Err(Failure::timeout(
                "no connection was free before the scrape's deadline",
            ));
        }
    };
    let access = &mut database.state.borrow_mut().access;
    match &answer {
        Ok(_) => access.succeeded(),
        // How little time the run had is not the target's fault.
        Err(failure) if env.is_cut_short(failure) => {}
        Err(failure) => access.failed(failure.clone(), is_up()),
    }
    answer
}

async fn learn(database: &Database, mut session: Session, env: &Env<'_>) -> Result<Session, Failure> {
    let limit = env.end().min(Instant::now() + database.endpoint.connect_timeout);
    let asks_for_databases = !database.discovered;
    let facts = facts::read(
        &mut session,
        &env.live.wanted,
        asks_for_databases,
        limit.into_std(),
    );
    match facts.await {
        Ok(facts) => {
            if let Err(failure) = database.endpoint.check_role(&mut session, facts.in_recovery) {
                session.close().await;
                return Err(failure);
            }
            database.replan(facts, env, &mut session);
            let mut state = database.state.borrow_mut();
            state.pass(env.run.id).reached = true;
            state.kind = Some(session.kind());
            drop(state);
            Ok(session)
        }
        Err(failure) => {
            session.abandon();
            Err(failure)
        }
    }
}

/// Runs what is due on the session of [`begin`] and hands the session back to the pool.
pub(in crate::scrape) async fn finish(database: &Database, session: Session, env: &Env<'_>) {
    let ended = collect::run(database, session, env).await;
    let mut state = database.state.borrow_mut();
    let failure = ended.err().or_else(|| state.fatal_failure());
    state.finish(&database.name, env.run, failure.as_ref());
}
