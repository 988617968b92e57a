//! One database: its session, facts, plan and slots, and one scrape of it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;

use super::collect::{self, Env, On};
use super::room::QUIET;
use super::slot::{Outcome, Slot};
use super::text;
use crate::catalog::Live;
use crate::target::backoff::Backoff;
use crate::target::connect::Endpoint;
use crate::target::facts::{self, Facts};
use crate::target::failure::{Failure, Reason};
use crate::target::plan::{self, Context, Plan};
use crate::target::session::{Kind, Session};

/// A database that is scraped: the URL's, or a discovered one.
#[derive(Debug)]
pub struct Database {
    /// Its name as the connection asks for it.
    pub name: String,
    /// Whether it was discovered rather than named by the URL.
    pub discovered: bool,
    endpoint: Endpoint,
    /// Tells other runs that a collector has answered, or that a run has ended.
    pub(super) answers: Notify,
    /// Until when it is left alone, because someone wants it for themselves.
    left: Cell<Option<Instant>>,
    /// Tells a scrape that is under way.
    leaving: Notify,
    /// Borrowed for moments only, never across a wait.
    pub(super) state: RefCell<State>,
}

/// What is known of a database.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) facts: Facts,
    /// What the last session was with: behind a pooler, statements run unnamed.
    pub(super) kind: Option<Kind>,
    pub(super) plan: Plan,
    /// Installed collectors in the order of execution.
    pub(super) slots: Vec<Slot>,
    /// Slots of branches that are not installed at the moment: their counts survive.
    resting: HashMap<String, Slot>,
    planned: Option<Arc<Live>>,
    /// The last reload that was taken notice of.
    reloaded: Option<SystemTime>,
    /// The run that planned last.
    learned: Option<Instant>,
    backoff: Backoff,
    /// What the runs that are on and the last one found, by when they began.
    passes: BTreeMap<Instant, Pass>,
    /// Whether the probe found the target down when the last try to connect failed.
    failed_when_down: bool,
    pub(super) status: Status,
}

/// What one run found.
#[derive(Clone, Debug, Default)]
struct Pass {
    /// When the database had its turn.
    began: Option<Instant>,
    /// Whether its facts were read. Without them no result is served, not even a cached one.
    reached: bool,
    /// Why it failed.
    failure: Option<Failure>,
}

/// How the scrapes of a database went.
#[derive(Clone, Debug, Default)]
pub(super) struct Status {
    /// The last failure of all runs.
    pub(super) last_failure: Option<Failure>,
    /// Whether the run before succeeded; `None` before the first.
    was_up: Option<bool>,
    /// What the last run that has ended found.
    pub(super) ended: Option<Ended>,
    pub(super) scrapes: u64,
    pub(super) errors: u64,
    pub(super) last: Duration,
    pub(super) total: Duration,
}

/// What a run that has ended found.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    /// When it began.
    pub(super) run: Instant,
    /// Whether it read the database's facts.
    pub(super) reached: bool,
    /// Why it failed.
    pub(super) failure: Option<Failure>,
    /// When it ended with the database.
    pub(super) at: SystemTime,
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
    pub(super) fn is_left(&self) -> bool {
        self.left.get().is_some_and(|until| Instant::now() < until)
    }

    /// Waits until someone wants it: why it cannot be scraped then.
    pub(super) async fn wanted(&self) -> Failure {
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
                self.endpoint.check_role(&mut session, facts.in_recovery)?;
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

    /// Plans anew when a fact or the set of collectors changed. Counts survive; results survive where the collector,
    /// the cluster, the database and the role are the same.
    fn replan(&self, facts: Facts, env: &Env<'_>, session: &mut Session) {
        let mut state = self.state.borrow_mut();
        if state.learned > Some(env.start) {
            // A run that began later knows the server and the set as they are now.
            return;
        }
        state.learned = Some(env.start);
        let is_planned = state
            .planned
            .as_ref()
            .is_some_and(|live| Arc::ptr_eq(live, env.live));
        // Whoever reloads may have mended what a collector rests for, a missing right for one.
        if state.reloaded != Some(env.reloaded) {
            state.reloaded = Some(env.reloaded);
            state.slots.iter_mut().for_each(Slot::unpause);
        }
        if is_planned && state.facts == facts {
            return;
        }
        let is_another = state.facts.cluster != facts.cluster
            || state.facts.oid != facts.oid
            || state.facts.in_recovery != facts.in_recovery
            || state.facts.version != facts.version;
        let context = Context {
            kind: session.kind(),
            discovered: self.discovered,
            tags: Arc::clone(&env.config.tags),
        };
        let plan = plan::plan(&env.live.collectors, &facts, &context);
        let state = &mut *state;
        let mut old: HashMap<String, Slot> = std::mem::take(&mut state.resting);
        old.extend(
            state
                .slots
                .drain(..)
                .map(|slot| (slot.collector.branch.to_string(), slot)),
        );
        for collector in plan.installed() {
            let block = || -> Arc<[u8]> {
                let labels = [("datname", &*facts.database), ("query", &*collector.name)];
                text::block(labels, env.encoder.borrow().constant()).into()
            };
            let mut slot = match old.remove(&*collector.branch) {
                Some(mut slot) if slot.collector.means_the_same_as(collector) => {
                    slot.collector = Arc::clone(collector);
                    slot
                }
                Some(slot) => {
                    let mut new = Slot::new(Arc::clone(collector), block(), || env.next_key());
                    new.stats = slot.stats;
                    new
                }
                None => Slot::new(Arc::clone(collector), block(), || env.next_key()),
            };
            if is_another {
                slot.expire(|| env.next_key());
            }
            slot.unpause();
            state.slots.push(slot);
        }
        // What is not installed must not show its old result when it comes back.
        for slot in old.values_mut() {
            slot.expire(|| env.next_key());
        }
        let is_known = |branch: &String| {
            env.live
                .collectors
                .iter()
                .any(|collector| *collector.branch == **branch)
        };
        state.resting = old.into_iter().filter(|(branch, _)| is_known(branch)).collect();
        let keys: Vec<_> = state.slots.iter().flat_map(Slot::keys).collect();
        session.retain_statements(|key| key.0 < facts::FIRST_FREE_KEY || keys.contains(&key));
        state.plan = plan;
        state.planned = Some(Arc::clone(env.live));
        state.facts = facts;
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

impl State {
    fn pass(&mut self, run: Instant) -> &mut Pass {
        self.passes.entry(run).or_default()
    }

    /// Whether that run read its facts.
    pub(super) fn was_reached(&self, run: Instant) -> bool {
        self.passes.get(&run).is_some_and(|pass| pass.reached)
    }

    /// Why that run failed.
    pub(super) fn failure(&self, run: Instant) -> Option<&Failure> {
        self.passes.get(&run)?.failure.as_ref()
    }

    /// Whether the database answers that run: its facts were read, and no fatal collector failed or is yet to answer.
    pub(super) fn is_up(&self, run: Instant) -> bool {
        let is_waiting = |slot: &Slot| slot.is_pending(run) || matches!(slot.outcome, Outcome::Failed(_));
        let fatal_ones = self.slots.iter().filter(|slot| slot.collector.fatal);
        self.was_reached(run) && self.failure(run).is_none() && !fatal_ones.into_iter().any(is_waiting)
    }

    fn finish(&mut self, name: &str, run: Instant, failure: Option<&Failure>) {
        let pass = self.pass(run);
        pass.failure = failure.cloned();
        let took = pass.began.map(|began| began.elapsed()).unwrap_or_default();
        let reached = pass.reached;
        let (database, status) = (name, &mut self.status);
        status.scrapes += 1;
        status.last = took;
        status.total += took;
        match failure {
            Some(failure) => {
                status.errors += 1;
                status.last_failure = Some(failure.clone());
                if status.was_up != Some(false) {
                    tracing::warn!(
                        database,
                        reason = failure.reason.word(),
                        "scrape failed: {failure}"
                    );
                }
            }
            None if status.was_up != Some(true) => {
                let (version, in_recovery) = (self.facts.version, self.facts.in_recovery);
                tracing::info!(database, version, in_recovery, "scrape succeeded");
            }
            None => {}
        }
        status.was_up = Some(failure.is_none());
        status.ended = Some(Ended {
            run,
            reached,
            failure: failure.cloned(),
            at: SystemTime::now(),
        });
    }
}
