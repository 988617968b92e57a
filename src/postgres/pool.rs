//! The scrape connections of one target: how many there are, who has one, which one goes first.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::timeout_at;

use super::connect::Endpoint;
use super::database_locks::Asker;
use super::failure::Failure;
use super::session::Session;

/// For how long the connection to a discovered database may idle: `DROP DATABASE` waits for it.
const LONGEST_IDLE: Duration = Duration::from_secs(60);

/// The connections that scrapes use, at most [`cap`](Self::new) at a time.
///
/// A database checks its session out and hands it back. A session holds its permit under the cap until the server's backend
/// is gone, since the cap may be all that the role is allowed. When the cap is reached, opening another closes the idle one that was used longest ago; the URL's own goes
/// last, as every scrape needs it.
#[derive(Debug)]
pub struct Pool {
    cap: usize,
    permits: Arc<Places>,
    idle: RefCell<BTreeMap<String, Idle>>,
}

#[derive(Debug, Default)]
struct Places {
    taken: AtomicUsize,
    /// Who waits for one.
    waiting: Arc<AtomicUsize>,
    /// Sessions that are being closed.
    leaving: Arc<AtomicUsize>,
    freed: Notify,
}

/// One more in a count for as long as it lives.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A permit under the cap. Dropping it frees the permit.
#[derive(Debug)]
pub(in crate::postgres) struct Permit(Arc<Places>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
        self.0.freed.notify_one();
    }
}

#[derive(Debug)]
struct Idle {
    session: Session,
    since: Instant,
    discovered: bool,
}

impl Idle {
    fn is_over(&self, now: Instant) -> bool {
        let too_long = self.discovered && now.saturating_duration_since(self.since) > LONGEST_IDLE;
        too_long || self.session.is_closed() || self.session.is_expired(now)
    }
}

impl Pool {
    /// A pool of at most that many connections, at least one.
    #[must_use]
    pub fn new(cap: usize) -> Self {
        Self {
            cap: cap.max(1),
            permits: Arc::default(),
            idle: RefCell::default(),
        }
    }

    /// Connections open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.permits.taken.load(Ordering::Relaxed)
    }

    /// Most connections at a time.
    #[must_use]
    pub fn cap(&self) -> usize {
        self.cap
    }

    /// The idle session of a database, if it has one that is of use.
    pub fn take(&self, database: &str) -> Option<Session> {
        let idle = self.idle.borrow_mut().remove(database)?;
        let is_of_use = !idle.session.is_closed() && !idle.session.is_expired(Instant::now());
        if is_of_use {
            return Some(idle.session);
        }
        self.close(idle.session);
        None
    }

    /// Opens a session, once there is a permit for it: after closing an idle one when the cap is reached.
    ///
    /// # Errors
    /// `Err(None)` when no permit was free before the deadline, which says nothing about the server; else what the
    /// server says, or that it did not answer.
    pub async fn open_session(
        &self,
        endpoint: &Endpoint,
        deadline: Instant,
    ) -> Result<Session, Option<Failure>> {
        let permit = timeout_at(deadline.into(), self.permit())
            .await
            .map_err(|_| None)?;
        let limit = deadline.min(Instant::now() + endpoint.longest_connect());
        let session = endpoint.connect(limit).await?;
        Ok(session.with_permit(permit))
    }

    /// Hands a session back for the next scrape.
    pub fn put(&self, database: &str, session: Session, discovered: bool) {
        if !session.is_closed() {
            let idle = Idle {
                session,
                since: Instant::now(),
                discovered,
            };
            // Another run may have handed one back already.
            if let Some(other) = self.idle.borrow_mut().insert(database.to_owned(), idle) {
                self.close(other.session);
            }
            self.permits.freed.notify_one();
        }
    }

    /// Closes the idle session of a database that is gone.
    pub fn forget(&self, database: &str) {
        if let Some(idle) = self.idle.borrow_mut().remove(database) {
            self.close(idle.session);
        }
    }

    /// A way to ask for claims on databases, within the limit on the server: over an idle session, the URL's rather than
    /// another. `None` when there is none.
    pub fn asker(&self, limit: Duration) -> Option<Asker> {
        let mut idle = self.idle.borrow_mut();
        let mut sessions: Vec<_> = idle.values_mut().collect();
        sessions.sort_by_key(|idle| idle.discovered);
        sessions.into_iter().find_map(|idle| idle.session.asker(limit))
    }

    /// Whether there are sessions that a claim may have to wait for: idle ones of discovered databases, or busy ones.
    pub fn may_be_in_the_way(&self) -> bool {
        let idle = self.idle.borrow();
        self.open() > idle.len() || idle.values().any(|idle| idle.discovered)
    }

    /// Closes what has idled too long: sessions of discovered databases, and any that is lost or too old.
    pub fn sweep(&self, now: Instant) {
        for (_, idle) in self.idle.borrow_mut().extract_if(.., |_, idle| idle.is_over(now)) {
            self.close(idle.session);
        }
    }

    async fn permit(&self) -> Permit {
        let _waiting = Counted::new(&self.permits.waiting);
        loop {
            if self.open() < self.cap {
                self.permits.taken.fetch_add(1, Ordering::Relaxed);
                return Permit(Arc::clone(&self.permits));
            }
            let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
            if count(&self.permits.leaving) < count(&self.permits.waiting) {
                self.close_oldest();
            }
            self.permits.freed.notified().await;
        }
    }

    /// Closes the idle session that was used longest ago, the URL's own last.
    fn close_oldest(&self) {
        let mut idle = self.idle.borrow_mut();
        let oldest = idle
            .iter()
            .min_by_key(|(_, idle)| (!idle.discovered, idle.since))
            .map(|(name, _)| name.clone());
        if let Some(oldest) = oldest.and_then(|name| idle.remove(&name)) {
            self.close(oldest.session);
        }
    }

    /// Closes a session in the background. It counts as leaving from now on, so that nobody closes another in its stead.
    fn close(&self, session: Session) {
        let leaving = Counted::new(&self.permits.leaving);
        tokio::spawn(async move {
            session.close().await;
            drop(leaving);
        });
    }
}
