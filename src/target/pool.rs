//! The scrape connections of one target: how many there are, who has one, which one goes first.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::timeout_at;

use super::connect::Endpoint;
use super::failure::Failure;
use super::session::Session;

/// For how long the connection to a discovered database may idle: `DROP DATABASE` waits for it.
const LONGEST_IDLE: Duration = Duration::from_secs(60);

/// The connections that scrapes use, at most [`cap`](Self::new) at a time.
///
/// A database checks its session out and hands it back. When the cap is reached, opening another closes the one that
/// has idled longest.
#[derive(Debug)]
pub struct Pool {
    cap: usize,
    inner: RefCell<Inner>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// Sessions open or being opened, idle ones included.
    open: usize,
    idle: BTreeMap<String, Idle>,
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

/// A place under the cap. Dropping it frees the place unless a session took it.
#[derive(Debug)]
struct Place<'a> {
    pool: &'a Pool,
    kept: bool,
}

impl Place<'_> {
    /// Turns the place into that of an open session.
    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.pool.release();
        }
    }
}

impl Pool {
    /// A pool of at most that many connections, at least one.
    #[must_use]
    pub fn new(cap: usize) -> Self {
        Self { cap: cap.max(1), inner: RefCell::default(), freed: Notify::new() }
    }

    /// Connections open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.inner.borrow().open
    }

    /// The idle session of a database, if it has one that is of use.
    pub fn take(&self, database: &str) -> Option<Session> {
        let idle = self.inner.borrow_mut().idle.remove(database)?;
        if idle.session.is_closed() || idle.session.is_expired(Instant::now()) {
            drop(idle);
            self.release();
            return None;
        }
        Some(idle.session)
    }

    /// Opens a session, after closing the one that has idled longest when the cap is reached.
    ///
    /// # Errors
    /// What the server says, or a timeout at the deadline.
    pub async fn open_session(&self, endpoint: &Endpoint, deadline: Instant) -> Result<Session, Failure> {
        let place = timeout_at(deadline.into(), self.place())
            .await
            .map_err(|_| Failure::timeout("no connection was free before the scrape's deadline"))?;
        let session = endpoint.connect(deadline).await?;
        place.keep();
        Ok(session)
    }

    /// Hands a session back for the next scrape.
    pub fn put(&self, database: &str, session: Session, discovered: bool) {
        if session.is_closed() {
            self.discard(session);
            return;
        }
        let idle = Idle { session, since: Instant::now(), discovered };
        let replaced = self.inner.borrow_mut().idle.insert(database.to_owned(), idle);
        if replaced.is_some() {
            self.release();
        }
        self.freed.notify_one();
    }

    /// Closes a session that is of no more use.
    pub fn discard(&self, session: Session) {
        drop(session);
        self.release();
    }

    /// Gives a session up in the middle of a statement.
    pub fn abandon(&self, session: Session) {
        session.abandon();
        self.release();
    }

    /// Closes the idle session of a database that is gone.
    pub fn forget(&self, database: &str) {
        let idle = self.inner.borrow_mut().idle.remove(database);
        if idle.is_some() {
            self.release();
        }
    }

    /// Closes what has idled too long: sessions of discovered databases, and any that is lost or too old.
    pub fn sweep(&self, now: Instant) {
        let gone: Vec<_> = self.inner.borrow_mut().idle.extract_if(.., |_, idle| idle.is_over(now)).collect();
        for _ in gone {
            self.release();
        }
    }

    async fn place(&self) -> Place<'_> {
        loop {
            if self.try_place() {
                return Place { pool: self, kept: false };
            }
            self.freed.notified().await;
        }
    }

    fn try_place(&self) -> bool {
        let mut inner = self.inner.borrow_mut();
        if inner.open >= self.cap {
            let oldest = inner.idle.iter().min_by_key(|(_, idle)| idle.since).map(|(name, _)| name.clone());
            let Some(name) = oldest else { return false };
            inner.idle.remove(&name);
            inner.open -= 1;
        }
        inner.open += 1;
        true
    }

    fn release(&self) {
        let mut inner = self.inner.borrow_mut();
        inner.open = inner.open.saturating_sub(1);
        drop(inner);
        self.freed.notify_one();
    }
}
