//! The scrape connections of one target: how many there are, who has one, which one goes first.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::connect::Endpoint;
use super::database_locks::LockReader;
use super::failure::Failure;
use super::permit::Permits;
use super::session::Session;

/// For how long the connection to a discovered database may idle: `DROP DATABASE` waits for it.
const LONGEST_IDLE: Duration = Duration::from_secs(60);

/// The connections that scrapes use, as many at a time as there are permits.
///
/// A database checks its session out and hands it back. A session holds its permit until the server's backend is gone, since
/// the cap may be all that the role is allowed. When there is no permit, opening another closes an idle one: see
/// `close_latest`.
#[derive(Debug)]
pub struct Pool {
    permits: Permits,
    idle: RefCell<BTreeMap<String, Idle>>,
    /// Whether sessions of discovered databases are not kept between scrapes.
    drops_discovered: Cell<bool>,
    /// Whether the server had no more of late than there were.
    is_full: Cell<bool>,
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
    /// A pool of sessions that take these permits.
    #[must_use]
    pub fn new(permits: Permits) -> Self {
        Self {
            permits,
            idle: RefCell::default(),
            drops_discovered: Cell::default(),
            is_full: Cell::default(),
        }
    }

    /// Connections open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.permits.held_by_scrapes()
    }

    /// Most connections at a time.
    #[must_use]
    pub fn cap(&self) -> usize {
        self.permits.of_scrapes()
    }

    /// The permits of these connections and of the health probe's.
    pub fn permits(&self) -> &Permits {
        &self.permits
    }

    /// Most connections at a time, with those of the health probe, are so many from now on: idle ones above it are closed.
    pub fn set_cap(&self, all: usize) {
        self.permits.set_cap(all);
        for _ in self.cap()..self.open() {
            if !self.close_latest() {
                break;
            }
        }
    }

    /// The server, or the role, has no connection left beside those that are open: there are no more from now on. Whether another try is
    /// worth it: one of them may make room.
    pub fn fit(&self) -> bool {
        let open = self.open();
        let all = open + self.permits.of_probe();
        if all < self.permits.cap() {
            self.set_cap(all);
        }
        self.is_full.set(true);
        // Where there may still be more, as there are few, nobody waits for one that is idle.
        if self.cap() > open {
            self.close_latest()
        } else {
            open > 0
        }
    }

    /// Whether that happened since the last time that somebody asked so.
    pub fn was_full(&self) -> bool {
        self.is_full.take()
    }

    /// The idle session of a database, if it has one that is of use.
    pub fn take(&self, database: &str) -> Option<Session> {
        let idle = self.idle.borrow_mut().remove(database)?;
        let is_of_use = !idle.session.is_closed() && !idle.session.is_expired(Instant::now());
        if is_of_use {
            return Some(idle.session);
        }
        close(idle.session);
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
        endpoint
            .connect_making_room(deadline, || self.close_latest())
            .await
    }

    /// Whether a database has an idle session.
    pub fn has_idle(&self, database: &str) -> bool {
        self.idle.borrow().contains_key(database)
    }

    /// Hands a session back for the next scrape.
    pub fn put(&self, database: &str, session: Session, discovered: bool) {
        if discovered && self.drops_discovered.get() {
            close(session);
        } else if !session.is_closed() {
            let idle = Idle {
                session,
                since: Instant::now(),
                discovered,
            };
            // Another run may have handed one back already.
            if let Some(other) = self.idle.borrow_mut().insert(database.to_owned(), idle) {
                close(other.session);
            }
            self.permits.tell_of_idle();
        }
    }

    /// Closes the idle session of a database that is gone.
    pub fn forget(&self, database: &str) {
        if let Some(idle) = self.idle.borrow_mut().remove(database) {
            close(idle.session);
        }
    }

    /// A reader of claims on databases, within the limit on the server: over an idle session, the URL's rather than
    /// another. `None` when there is none.
    pub fn lock_reader(&self, limit: Duration) -> Option<LockReader> {
        let mut idle = self.idle.borrow_mut();
        let mut sessions: Vec<_> = idle.values_mut().collect();
        sessions.sort_by_key(|idle| idle.discovered);
        sessions
            .into_iter()
            .find_map(|idle| LockReader::over(&mut idle.session, limit))
    }

    /// Whether sessions of discovered databases are kept between scrapes; if not, those that idle are closed.
    pub fn keep_discovered(&self, keep: bool) {
        self.drops_discovered.set(!keep);
        if !keep {
            let mut idle = self.idle.borrow_mut();
            for (_, idle) in idle.extract_if(.., |_, idle| idle.discovered) {
                close(idle.session);
            }
        }
    }

    /// Whether sessions are in use.
    pub fn is_busy(&self) -> bool {
        self.open() > self.idle.borrow().len()
    }

    /// Whether there are sessions that a claim may have to wait for: idle ones of discovered databases, or busy ones.
    pub fn may_be_in_the_way(&self) -> bool {
        self.is_busy() || self.idle.borrow().values().any(|idle| idle.discovered)
    }

    /// Closes what has idled too long: sessions of discovered databases, and any that is lost or too old.
    pub fn sweep(&self, now: Instant) {
        for (_, idle) in self.idle.borrow_mut().extract_if(.., |_, idle| idle.is_over(now)) {
            close(idle.session);
        }
    }

    /// Closes all that idles.
    pub fn close(&self) {
        for (_, idle) in std::mem::take(&mut *self.idle.borrow_mut()) {
            close(idle.session);
        }
    }

    /// Closes the idle session that was used last, the URL's own only if there is no other; whether there was one. A scrape
    /// begins with the databases that have a session, so the one that was used last is needed again last, at the next scrape.
    fn close_latest(&self) -> bool {
        let mut idle = self.idle.borrow_mut();
        let latest = idle
            .iter()
            .max_by_key(|(_, idle)| (idle.discovered, idle.since))
            .map(|(name, _)| name.clone());
        let latest = latest.and_then(|name| idle.remove(&name));
        let found = latest.is_some();
        if let Some(latest) = latest {
            close(latest.session);
        }
        found
    }
}

/// Closes a session in the background.
fn close(session: Session) {
    tokio::spawn(session.close());
}
