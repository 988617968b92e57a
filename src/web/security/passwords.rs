//! Compares passwords: once each, one at a time, on a thread of its own.
//!
//! A comparison takes a tenth of a second of CPU by design. What came of it is remembered under a keyed hash of name, hash
//! and password, the key being this process' own: a right password is known within microseconds afterwards, and no memory
//! holds it. Right and wrong ones are remembered apart, so that no flood of wrong ones makes a right one forgotten.
//!
//! What is not known queues. The queue is short, a client's share of it is shorter, equal questions are one, and after a
//! wrong password the next has to wait as long again: guessing takes half a core at most, and nobody's turn but the
//! guesser's.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::rustls::crypto::ring;

use super::credentials::Credentials;
use super::error::WebConfigError;
use super::recent::{Key, Recent};
use super::refusal::Refusal;
use super::users::Users;
use crate::web::peer::Peer;

/// Passwords that wait for their comparison, the one in progress included.
const QUEUE: usize = 16;

/// Those of one client.
const SHARE: usize = 2;

/// Longest wait for an outcome.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was compared, and what waits for it.
pub(super) struct Passwords {
    secret: Key,
    state: Mutex<State>,
    turn: Arc<Semaphore>,
}

#[derive(Default)]
struct State {
    right: Recent,
    wrong: Recent,
    waiting: HashMap<Key, Waiting>,
}

/// A comparison that is to come, or in progress.
struct Waiting {
    peer: Peer,
    outcome: Arc<watch::Sender<Option<bool>>>,
}

/// Whether a password is right.
pub(super) enum Verdict {
    Known(bool),
    /// Once it is compared.
    Later(watch::Receiver<Option<bool>>),
    /// Too much is asked.
    Refused(Refusal),
}

impl Passwords {
    pub(super) fn new() -> Result<Self, WebConfigError> {
        let mut secret = Key::default();
        let random = ring::default_provider().secure_random.fill(&mut secret);
        random.map_err(|_| WebConfigError::unplaced("the system has no random numbers"))?;
        Ok(Self {
            secret,
            state: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
        })
    }

    /// Forgets every outcome. None would be taken for that of another hash: the hash is part of the key.
    pub(super) fn forget(&self) {
        let mut state = self.state();
        state.right.clear();
        state.wrong.clear();
    }

    /// Whether the credentials are right, from memory or by a comparison that begins now. Needs a runtime.
    pub(super) fn check(
        self: &Arc<Self>,
        users: &Arc<Users>,
        credentials: Credentials,
        peer: Peer,
    ) -> Verdict {
        let key = self.key(users, &credentials);
        let mut state = self.state();
        if state.right.has(&key) {
            return Verdict::Known(true);
        }
        if state.wrong.has(&key) {
            return Verdict::Known(false);
        }
        if let Some(waiting) = state.waiting.get(&key) {
            return Verdict::Later(waiting.outcome.subscribe());
        }
        if state.waiting.len() >= QUEUE {
            return Verdict::Refused(Refusal::Busy);
        }
        if state
            .waiting
            .values()
            .filter(|waiting| waiting.peer == peer)
            .count()
            >= SHARE
        {
            return Verdict::Refused(Refusal::TooMany(Duration::from_secs(1)));
        }
        let (outcome, receiver) = watch::channel(None);
        let outcome = Arc::new(outcome);
        let waiting = Waiting {
            peer,
            outcome: Arc::clone(&outcome),
        };
        state.waiting.insert(key, waiting);
        drop(state);
        tokio::spawn(Arc::clone(self).compare(key, Arc::clone(users), credentials, outcome));
        Verdict::Later(receiver)
    }

    /// Waits for its turn, compares, tells everybody who waits.
    async fn compare(
        self: Arc<Self>,
        key: Key,
        users: Arc<Users>,
        credentials: Credentials,
        outcome: Arc<watch::Sender<Option<bool>>>,
    ) {
        let turn = Arc::clone(&self.turn).acquire_owned().await.ok();
        let mut right = None;
        // Those who asked may have left.
        if !outcome.is_closed() {
            let compared = tokio::task::spawn_blocking(move || compared(&users, &credentials, turn)).await;
            if let Ok((answer, turn, took)) = compared {
                right = Some(answer);
                if !answer {
                    tokio::spawn(rest(turn, took));
                }
            }
        }
        let mut state = self.state();
        match right {
            Some(true) => state.right.add(key),
            Some(false) => state.wrong.add(key),
            None => {}
        }
        state.waiting.remove(&key);
        drop(state);
        outcome.send_replace(right);
    }

    fn key(&self, users: &Users, credentials: &Credentials) -> Key {
        // A key of 32 bytes is never refused; without a hash nothing would be equal.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.secret) else {
            return Key::default();
        };
        let name = credentials.name();
        for part in [name.as_bytes(), users.hash(name).as_bytes()] {
            mac.update(&part.len().to_le_bytes());
            mac.update(part);
        }
        mac.update(credentials.password());
        mac.finalize().into_bytes().into()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The comparison itself, with the turn it holds and the time it took.
fn compared(
    users: &Users,
    credentials: &Credentials,
    turn: Option<OwnedSemaphorePermit>,
) -> (bool, Option<OwnedSemaphorePermit>, Duration) {
    let begun = Instant::now();
    let right = users.verify(credentials.name(), credentials.password());
    (right, turn, begun.elapsed())
}

/// Keeps the turn as long as a wrong password had it.
async fn rest(turn: Option<OwnedSemaphorePermit>, time: Duration) {
    tokio::time::sleep(time).await;
    drop(turn);
}

/// What came of a comparison.
pub(super) async fn outcome(mut receiver: watch::Receiver<Option<bool>>) -> Result<(), Refusal> {
    let told = tokio::time::timeout(PATIENCE, receiver.changed()).await;
    let right = *receiver.borrow();
    match (told, right) {
        (Ok(Ok(())), Some(true)) => Ok(()),
        (Ok(Ok(())), Some(false)) => Err(Refusal::Unknown),
        _ => Err(Refusal::Busy),
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passwords(…)")
    }
}
