//! A database's turn in a run: connect, read the facts, plan, run what is due.

use tokio::time::Instant;

use super::collect;
use super::database::Database;
use super::env::Env;
use crate::catalog::facts::Facts;
use crate::postgres::facts;
use crate::postgres::failure::{Failure, Reason};
use crate::postgres::session::Session;

/// Tries to connect after the first one, where the server is full: others of ours may have been refused at the same moment.
const MORE_TRIES: u32 = 3;

/// Sessions that a turn has one after the other, where statements end them.
const MOST_SESSIONS: usize = 4;

/// A whole turn; none, and no error, while someone wants the database for themselves, and when the run's time is over. A
/// database that would have to be connected to, and in which nothing is due, is served from the cache: `main` is what the
/// server said of itself in this run.
pub(in crate::scrape) async fn take(database: &Database, main: Option<&Facts>, env: &Env<'_>) {
    if rests(database, main, env) {
        return;
    }
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

/// Whether the database has no turn in this run: nothing is due, or the time is over. What is fresh is served then.
fn rests(database: &Database, main: Option<&Facts>, env: &Env<'_>) -> bool {
    let mut state = database.state.borrow_mut();
    let is_as_it_was = main.is_some_and(|main| state.is_as_it_was(main, env)) && !state.access.is_left();
    if is_as_it_was && !env.pool.has_idle(&database.name) && !state.has_due(env) {
        state.rest(env);
        return true;
    }
    if !env.is_over() {
        return false;
    }
    state.was_passed_over = true;
    let pass = state.pass(env.run.id);
    pass.reached = is_as_it_was;
    pass.failure = Some(Failure::timeout(
        "the scrape's time was over before its turn came",
    ));
    true
}

/// Connects if need be, reads the facts, plans anew if they changed. The session is for [`finish`].
///
/// # Errors
/// When the database cannot be reached or asked.
pub(in crate::scrape) async fn begin(database: &Database, env: &Env<'_>) -> Result<Session, Failure> {
    let now = Instant::now();
    database
        .state
        .borrow_mut()
        .pass(env.run.id)
        .began
        .get_or_insert(now);
    loop {
        let end = env.end();
        match begin_before(end, database, env).await {
            Err(failure) if env.has_more_time(&failure, end) => {}
            answer => return answer,
        }
    }
}

async fn begin_before(end: Instant, database: &Database, env: &Env<'_>) -> Result<Session, Failure> {
    if let Some(session) = env.pool.take(&database.name) {
        match learn(database, session, env).await {
            // It was closed while it idled between scrapes: one more try on a new one. A server that does not answer at all
            // will not answer that one either.
            Err(failure) if failure.reason == Reason::Connection || failure.is_fatal => {}
            Ok(session) => {
                database.state.borrow_mut().access.succeeded();
                return Ok(session);
            }
            Err(failure) => return Err(failure),
        }
    }
    if let Some(failure) = &env.refused {
        return Err(failure.clone());
    }
    let is_up = || env.health.state().is_up();
    if let Some(failure) = database.state.borrow().access.obstacle(is_up()) {
        return Err(failure);
    }
    let answer = match open(database, end, env).await {
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
        Err(failure) if Env::is_cut_short(failure, end) => {}
        Err(failure) => access.failed(failure.clone(), is_up()),
    }
    answer
}

/// Opens a session. Where the server has no connection left beside ours, and nobody has said how many are ours, they are as many as
/// there are now: one of them makes room.
async fn open(database: &Database, end: Instant, env: &Env<'_>) -> Result<Session, Option<Failure>> {
    let open = || env.pool.open_session(&database.endpoint, end.into_std());
    let mut opened = open().await;
    for _ in 0..MORE_TRIES {
        let is_full = matches!(&opened, Err(Some(failure)) if failure.is_full());
        if !is_full || !env.fits || !env.pool.fit() {
            break;
        }
        opened = open().await;
    }
    opened
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
            state.is_by_message = session.is_by_message();
            state.notice_encryption(&database.name, session.encryption());
            state.notice_role(&database.name, session.is_role_refused());
            drop(state);
            Ok(session)
        }
        Err(failure) => {
            database.endpoint.notice(&failure);
            session.abandon();
            Err(failure)
        }
    }
}

/// Runs what is due on the session of [`begin`] and hands the session back to the pool. Where the server ends the session, that
/// is a failure of the statement that it said so to: if it lets us in again, what is left goes on. It is the same where the run's
/// end, which has moved since, ended it.
pub(in crate::scrape) async fn finish(database: &Database, mut session: Session, env: &Env<'_>) {
    let mut due = collect::take(database, env);
    let mut sessions = 1;
    let ended = loop {
        let end = env.end();
        let Err(failure) = collect::run(database, session, &due, env).await else {
            break Ok(());
        };
        // Who wants the database for himself may have ended it.
        let may_go_on = !database.is_left();
        let goes_on = may_go_on && (failure.is_fatal || env.has_more_time(&failure, end));
        if goes_on
            && sessions < MOST_SESSIONS
            && let Ok(another) = begin(database, env).await
        {
            (session, due) = (another, collect::take_rest(database, env));
            sessions += 1;
            continue;
        }
        break collect::give_up(database, &due, failure, env);
    };
    let mut state = database.state.borrow_mut();
    let failure = ended.err().or_else(|| state.fatal_failure());
    state.finish(&database.name, env.run, failure.as_ref());
}
