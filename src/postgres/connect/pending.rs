//! Connects that hang in the server: nobody begins another beside them.
//!
//! An attempt is *awaited* by whoever connects. When the server is silent for too long it is *kept*: its backend may be there
//! already, in a login trigger, at a silent LDAP server, behind a locked catalog. Whoever connects next for the same purpose to the same
//! host waits for it again. It is *over* when the server lets it in or ends it, or the network is found to be cut. One that is let in
//! while nobody waits is *spare*: who connects next has it, unless somebody needs its permit before, or a while has passed. One that is
//! kept for very long is *left alone*: the next begins beside it, and has twice the patience. One that hangs in the line is left alone at once.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::startup::Attempt;
use crate::postgres::deadline::Liveness;
use crate::postgres::failure::Failure;
use crate::postgres::line::{Line, Segments};
use crate::postgres::permit::{Permit, Stuck};
use crate::postgres::session::Session;
use crate::postgres::socket::Address;

/// For how long an attempt is waited for whose server is at something: it has spoken, and to the end of a message. A server gives up
/// after 60 s by itself (`authentication_timeout`).
const OF_SERVER: Duration = Duration::from_secs(75);

/// For how long where nothing was heard, or half a message. Behind a peer that will never answer, another may be let in by now; the
/// old one keeps its permit, so that they stay as few as they may be.
const OF_NOBODY: Duration = Duration::from_secs(12);

/// For how long one is spare: as long as a session is used.
const SPARE: Duration = Duration::from_secs(600);

/// The same in a discovered database: as long as a session idles there.
const SPARE_IN_DISCOVERED: Duration = Duration::from_secs(60);

/// The most that repetition makes of it.
const LONGEST: Duration = Duration::from_secs(300);

/// An attempt that runs by itself.
#[derive(Debug)]
pub(in crate::postgres) struct Pending {
    /// Where, for people.
    pub(in crate::postgres) shown: String,
    pub(in crate::postgres) address: Address,
    database: String,
    segments: Segments,
    liveness: Liveness,
    is_awaited: Arc<AtomicBool>,
    permit: Arc<Permit>,
    begun: Instant,
    task: JoinHandle<Result<Session, Failure>>,
    /// Closed when it is over.
    over: watch::Receiver<()>,
}

impl Pending {
    pub(in crate::postgres) fn begin(shown: String, attempt: Attempt) -> Self {
        let (goes_on, over) = watch::channel(());
        Self {
            shown,
            address: attempt.address.clone(),
            database: attempt.info.database().to_owned(),
            segments: attempt.segments,
            liveness: attempt.liveness.clone(),
            is_awaited: Arc::clone(&attempt.is_awaited),
            permit: Arc::clone(&attempt.permit),
            begun: Instant::now(),
            // In a box: the exchange has a state of 50 KiB, which making a task of it moves a dozen times.
            task: tokio::spawn(enter(Box::pin(attempt.run()), goes_on)),
            over,
        }
    }

    /// Whether it hangs in the line, where another that asks for less may pass.
    fn is_swallowed(&self, line: &Line) -> bool {
        !self.task.is_finished() && line.swallows(self.begun, &self.database, self.segments)
    }

    /// Tells the line that it was let in.
    pub(in crate::postgres) fn was_let_in(&self, line: &Line) {
        line.let_in(self.begun, &self.database, self.segments);
    }

    /// What became of it; `None` when the server is silent for longer than the limit, or the time is over.
    pub(in crate::postgres) async fn answer(
        &mut self,
        silence: Duration,
        until: Instant,
    ) -> Option<Result<Session, Failure>> {
        self.liveness.heard();
        self.is_awaited.store(true, Ordering::Relaxed);
        let answer = self.liveness.lasting(silence, until, &mut self.task).await;
        self.is_awaited.store(false, Ordering::Relaxed);
        let broken = |_| Failure::connection("the attempt to connect was broken off");
        Some(answer.ok()?.map_err(broken).flatten())
    }
}

/// Runs an attempt, and tells when it is over.
async fn enter(
    attempt: Pin<Box<impl Future<Output = Result<Session, Failure>>>>,
    goes_on: watch::Sender<()>,
) -> Result<Session, Failure> {
    let answer = attempt.await;
    drop(goes_on);
    answer
}

/// An attempt that is kept.
#[derive(Debug)]
struct Kept {
    pending: Pending,
    /// Until it is over.
    stuck: Option<Stuck>,
    /// Dropped with this, which ends the task that would let it go.
    _watched: oneshot::Sender<()>,
}

/// The attempts that hang, by the host's place in the connection string.
#[derive(Debug, Default)]
pub(in crate::postgres) struct Waiting {
    kept: Mutex<HashMap<usize, Kept>>,
    /// Whether their database is a discovered one.
    of_discovered: bool,
    /// How many were left alone, one after the other.
    left_alone: Mutex<HashMap<usize, u32>>,
}

impl Waiting {
    /// Those of a discovered database.
    pub(in crate::postgres) fn of_discovered() -> Self {
        Self {
            of_discovered: true,
            ..Self::default()
        }
    }

    /// Whether a connect to the host hangs.
    pub(in crate::postgres) fn has(&self, place: usize, line: &Line) -> bool {
        let mut kept = self.kept();
        kept.retain(|_, kept| !kept.pending.is_swallowed(line));
        let is_waited_for = |pending: &Pending, tries: u32| {
            let patience = if pending.liveness.is_at_something() {
                OF_SERVER
            } else {
                OF_NOBODY
            };
            let patience = patience.saturating_mul(1 << tries.min(5)).min(LONGEST);
            pending.task.is_finished() || pending.begun.elapsed() < patience
        };
        let mut left_alone = self.left_alone();
        kept.retain(|place, Kept { pending, .. }| {
            let tries = left_alone.entry(*place).or_default();
            let is_waited_for = is_waited_for(pending, *tries);
            *tries += u32::from(!is_waited_for);
            is_waited_for
        });
        kept.contains_key(&place)
    }

    /// Somebody was let in, or refused: patience begins anew.
    pub(in crate::postgres) fn has_answered(&self, place: usize) {
        self.left_alone().remove(&place);
    }

    /// Takes the one that hangs, to wait for it.
    pub(in crate::postgres) fn take(&self, place: usize) -> Option<Pending> {
        self.kept().remove(&place).map(|kept| kept.pending)
    }

    pub(in crate::postgres) fn keep(self: &Arc<Self>, place: usize, pending: Pending) {
        let (_watched, dropped) = oneshot::channel();
        let let_go = let_go(Arc::downgrade(self), place, &pending);
        let stuck = pending.permit.stuck();
        self.kept().insert(
            place,
            Kept {
                pending,
                stuck,
                _watched,
            },
        );
        tokio::spawn(async move {
            tokio::select! {
                biased;
                _ = dropped => {}
                kept = let_go => close(kept).await,
            }
        });
    }

    /// Gives all up, or only those that are over: none is to be in the way of who wants the database for himself.
    pub(in crate::postgres) fn let_go(&self, only_spare: bool) {
        let is_meant = |kept: &Kept| !only_spare || kept.pending.task.is_finished();
        for (_, kept) in self.kept().extract_if(|_, kept| is_meant(kept)) {
            tokio::spawn(close(Some(kept.pending)));
        }
    }

    /// It is over.
    fn is_over(&self, place: usize) {
        if let Some(kept) = self.kept().get_mut(&place) {
            kept.stuck = None;
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<usize, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left_alone(&self) -> std::sync::MutexGuard<'_, HashMap<usize, u32>> {
        self.left_alone.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The attempt that is kept at that place, when it is over and its permit is needed, or nobody has come for it. Databases wait for
/// one another's permits: were each to keep what only it can use, none would come to its turn.
fn let_go(
    waiting: Weak<Waiting>,
    place: usize,
    pending: &Pending,
) -> impl Future<Output = Option<Pending>> + use<> {
    let (mut over, wanted) = (pending.over.clone(), pending.permit.wanted());
    async move {
        while over.changed().await.is_ok() {}
        let time = {
            let waiting = waiting.upgrade()?;
            waiting.is_over(place);
            if waiting.of_discovered {
                SPARE_IN_DISCOVERED
            } else {
                SPARE
            }
        };
        match &wanted {
            Some(wanted) => {
                tokio::select! {
                    () = wanted.wait() => {}
                    () = sleep(time) => {}
                }
            }
            None => sleep(time).await,
        }
        waiting.upgrade()?.take(place)
    }
}

/// Says goodbye for an attempt that nobody waits for, once the server lets it in.
async fn close(pending: Option<Pending>) {
    let Some(pending) = pending else { return };
    if let Ok(Ok(session)) = pending.task.await {
        session.close().await;
    }
}
