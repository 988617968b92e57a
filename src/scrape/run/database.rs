//! One database: its session, facts, plan and slots, and one scrape of it.

mod replan;
mod state;

use std::cell::{Cell, RefCell};
use std::time::Instant;

use tokio::sync::Notify;

use super::collect;
use super::collect::{Env, On};
use super::collector_state::Outcome;
use super::drop_guard::QUIET;
use crate::postgres::connect::Endpoint;
use crate::postgres::facts;
use crate::postgres::failure::{Failure, Reason};
use crate::postgres::session::Session;

use state::Pass;
pub(in crate::scrape) use state::State;

/// A database that is scraped: the URL's, or a discovered one.
#[derive(Debug)]
pub struct Database {
    /// Its name as the connection asks for it.
    pub name: String,
    /// Whether it was discovered rather than named by the URL.
    pub discovered: bool,
    endpoint: Endpoint,
    /// Tells other runs that a collector has answered, or that a run has ended.
    pub(in crate::scrape) answers: Notify,
    /// Until when it is left alone, because someone wants it for themselves.
    left: Cell<Option<Instant>>,
    /// Tells a scrape that is under way.
    leaving: Notify,
    /// Borrowed for moments only, never across a wait.
    pub(in crate::scrape) state: RefCell<State>,
}

impl Database {
    /// A database that has not been scraped.
    #[must_use]
    pub fn new(endpoint: Endpoint, name: &str, discovered: bool) -> Self {
        Self {
            name: name.to_owned(),
            discovered,
            endpoint,
            answers: Notify::new(),
            left: Cell::default(),
            leaving: Notify::new(),
            state: RefCell::default(),
        }
    }

    /// Someone wants it for themselves: a scrape that is under way ends, and none begins for a while. The caller closes
    /// its idle session.
    pub fn leave(&self) {
        if !self.is_left() {
            tracing::info!(database = %self.name, "someone drops, renames or copies the database: leaving it alone");
        }
        self.left.set(Instant::now().checked_add(QUIET));
        self.leaving.notify_waiters();
    }

    /// Whether it is left alone now.
    pub(in crate::scrape) fn is_left(&self) -> bool {
        self.left.get().is_some_and(|until| Instant::now() < until)
    }

    /// Waits until someone wants it: why it cannot be scraped then.
    pub(in crate::scrape) async fn wanted(&self) -> Failure {
        // Nothing runs between the look and the wait: all of it is on one thread.
        if !self.is_left() {
            self.leaving.notified().await;
        }
        Failure::new(
            Reason::Connection,
            "left alone, because someone drops, renames or copies the database",
        )
    }

    /// The name it is shown by: what the server calls it, once known.
    #[must_use]
    pub fn label(&self) -> String {
        let state = self.state.borrow();
        if state.facts.database.is_empty() {
            self.name.clone()
        } else {
            state.facts.database.clone()
        }
    }

    /// Connects if need be, reads the facts, plans anew if they changed. The session is for [`collect`](Self::collect).
    ///
    /// # Errors
    /// When the database cannot be reached or asked.
    pub async fn begin(&self, env: &Env<'_>) -> Result<Session, Failure> {
        self.state.borrow_mut().pass(env.start).began = Some(Instant::now());
        let deadline = || env.deadline().min(Instant::now() + self.endpoint.connect_timeout);
        if let Some(session) = env.pool.take(&self.name) {
            match self.learn(session, env, deadline()).await {
                // It was closed while it idled between scrapes: one more try on a new one. A server that does not
                // answer at all will not answer that one either.
                Err(failure) if failure.reason == Reason::Connection => {}
                answer => return answer,
            }
        }
        if let Some(failure) = &env.refused {
            return Err(failure.clone());
        }
        if !self.may_connect(env) {
            return Err(self.last_failure());
        }
        let answer = match env.pool.open_session(&self.endpoint, env.deadline()).await {
            Ok(session) => self.learn(session, env, deadline()).await,
            Err(Some(failure)) => Err(failure),
            Err(None) => {
                return Err(Failure::timeout(
                    "no connection was free before the scrape's deadline",
                ));
            }
        };
        let mut state = self.state.borrow_mut();
        match &answer {
            Ok(_) => state.backoff.succeeded(),
            Err(_) => state.backoff.failed(Instant::now()),
        }
        state.failed_when_down = answer.is_err() && !env.health.state().is_up();
        answer
    }

    /// Whether the waits between tries let it. A target that was down when the last try failed, and is up by the probe's
    /// word, is no reason to wait any longer.
    fn may_connect(&self, env: &Env<'_>) -> bool {
        let state = self.state.borrow();
        state.backoff.may_try(Instant::now()) || (state.failed_when_down && env.health.state().is_up())
    }

    fn last_failure(&self) -> Failure {
        let failure = self.state.borrow().status.last_failure.clone();
        failure.unwrap_or_else(|| Failure::connection("waiting before the next try to connect"))
    }

    async fn learn(
        &self,
        mut session: Session,
        env: &Env<'_>,
        deadline: Instant,
    ) -> Result<Session, Failure> {
        match facts::read(&mut session, &env.live.wanted, !self.discovered, deadline).await {
            Ok(facts) => {
                if let Err(failure) = self.endpoint.check_role(&mut session, facts.in_recovery) {
                    session.close().await;
                    return Err(failure);
                }
                self.replan(facts, env, &mut session);
                let mut state = self.state.borrow_mut();
                state.pass(env.start).reached = true;
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

    /// Runs what is due on the session of [`begin`](Self::begin) and hands the session back to the pool.
    pub async fn collect(&self, session: Session, env: &Env<'_>) {
        let ended = collect::run(self, session, env).await;
        let mut state = self.state.borrow_mut();
        let fatal = state.slots.iter().find_map(|slot| match &slot.outcome {
            Outcome::Failed(failure) if slot.collector.fatal => Some(failure.clone()),
            _ => None,
        });
        let failure = match ended {
            Ok(()) => fatal,
            Err(failure) => Some(failure),
        };
        state.finish(&self.name, env.start, failure.as_ref());
    }

    /// A run begins, beside others: it knows nothing of the database yet.
    pub fn prepare(&self, run: Instant, on: &On) {
        let mut state = self.state.borrow_mut();
        state.passes.retain(|run, _| on.contains_key(run));
        state.passes.insert(run, Pass::default());
    }

    /// A whole scrape; none, and no error, while someone wants the database for themselves.
    pub async fn scrape(&self, env: &Env<'_>) {
        if self.is_left() {
            let failure = self.wanted().await;
            self.state.borrow_mut().pass(env.start).failure = Some(failure);
            return;
        }
        match self.begin(env).await {
            Ok(session) => self.collect(session, env).await,
            Err(failure) => self.fail(env.start, &failure),
        }
    }

    /// That run could not scrape it.
    pub fn fail(&self, run: Instant, failure: &Failure) {
        self.state.borrow_mut().finish(&self.name, run, Some(failure));
    }
}
