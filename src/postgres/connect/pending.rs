//! Connects that hang in the server: nobody begins another beside them.
//!
//! An attempt is *awaited* by whoever connects. When the server is silent for too long it is *kept*: its backend may be there
//! already, in a login trigger, at a silent LDAP server, behind a locked catalog. Whoever connects next for the same purpose to the same
//! host waits for it again. It is *over* when the server lets it in or ends it, or the network is found to be cut. One that is kept for
//! very long is *left alone*: the next begins beside it, and has twice the patience. One that hangs in the line is left alone at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

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
}

impl Pending {
    pub(in crate::postgres) fn begin(shown: String, attempt: Attempt) -> Self {
        Self {
            shown,
            address: attempt.address.clone(),
            database: attempt.info.database().to_owned(),
            segments: attempt.segments,
            liveness: attempt.liveness.clone(),
            is_awaited: Arc::clone(&attempt.is_awaited),
            permit: Arc::clone(&attempt.permit),
            begun: Instant::now(),
            task: tokio::spawn(attempt.run()),
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

/// The attempts that hang, by the host's place in the connection string.
#[derive(Debug, Default)]
pub(in crate::postgres) struct Waiting {
    kept: Mutex<HashMap<usize, (Pending, Option<Stuck>)>>,
    /// How many were left alone, one after the other.
    left_alone: Mutex<HashMap<usize, u32>>,
}

impl Waiting {
    /// Whether a connect to the host hangs.
    pub(in crate::postgres) fn has(&self, place: usize, line: &Line) -> bool {
        let mut kept = self.kept();
        kept.retain(|_, (pending, _)| !pending.is_swallowed(line));
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
        kept.retain(|place, (pending, _)| {
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
        self.kept().remove(&place).map(|(pending, _)| pending)
    }

    pub(in crate::postgres) fn keep(&self, place: usize, pending: Pending) {
        let stuck = pending.permit.stuck();
        self.kept().insert(place, (pending, stuck));
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<usize, (Pending, Option<Stuck>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left_alone(&self) -> std::sync::MutexGuard<'_, HashMap<usize, u32>> {
        self.left_alone.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
