//! Permits for connections: however long a server takes to let one in or to let it go, it never sees more of ours than it may.
//!
//! A permit is in one of four states. *Waited for*: the semaphore of its host has none left; whoever waits may ask for idle
//! sessions to be closed. *Held*: by the socket of a connection, from before it opens. *Stuck*: still held, but nobody has any
//! use for the connection: the server hangs while it lets it in, or does not end what it runs. The socket's task gives it back when
//! the server has closed its end, which a backend does with its last breath; where we have closed ours before, when the server says that
//! the backend has gone (`straggler`). *Spare*: still held, by a session that the server let in
//! when nobody waited for it any more; who waits for a permit has it closed.
//!
//! The number of permits may change while they are used: more are there at once; where they become fewer, those that are held stay
//! so, and those that were given back are taken away before the next one is held.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::flood::{Floods, Rest};
use super::straggler::Stragglers;

/// From how many connections on two are the probe's.
const ENOUGH: usize = 4;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Scrapes: all permits but the probe's are for them.
    Scrape,
    /// The health probe, which always finds its own.
    Probe,
}

/// The permits of one target, shared by all that connect to it. Each of its hosts has its own: what hangs on one of them keeps
/// nobody from the next.
#[derive(Clone, Debug)]
pub struct Permits(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    cap: AtomicUsize,
    /// By the host's place in the connection string.
    hosts: Mutex<HashMap<usize, Arc<Host>>>,
    /// Told whenever a session becomes idle.
    idle: Notify,
}

#[derive(Debug)]
struct Host {
    all: Arc<Semaphore>,
    scrapes: Arc<Semaphore>,
    /// How many permits there are on this host, held or not.
    size: Mutex<usize>,
    /// Permits of scrapes that are stuck.
    stuck: AtomicUsize,
    /// Scrapes that wait for a permit.
    wants: Mutex<Wants>,
    /// Tells those that are spare that somebody waits.
    wanted: Notify,
    floods: ByPurpose,
    stragglers: Arc<Stragglers>,
}

/// What floods the connections for scrapes is no reason to leave the probe without one.
#[derive(Debug, Default)]
struct ByPurpose {
    scrapes: Floods,
    probe: Floods,
}

impl ByPurpose {
    fn of(&self, purpose: Purpose) -> &Floods {
        match purpose {
            Purpose::Scrape => &self.scrapes,
            Purpose::Probe => &self.probe,
        }
    }
}

#[derive(Debug, Default)]
struct Wants {
    /// How many wait.
    waiting: usize,
    /// For how many of them a spare one was let go.
    met: usize,
}

/// A permit. Dropping it gives it back.
#[derive(Debug)]
pub(in crate::postgres) struct Permit {
    host: Arc<Host>,
    purpose: Purpose,
    /// Held, never read.
    _permits: [Option<OwnedSemaphorePermit>; 2],
}

/// A permit of a connection that nobody has any use for, for as long as this lives.
#[derive(Debug)]
pub(in crate::postgres) struct Stuck(Arc<Host>);

impl Drop for Stuck {
    fn drop(&mut self) {
        self.0.stuck.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A scrape waits for a permit of a host, for as long as this lives.
struct Wanting<'a>(&'a Host);

impl<'a> Wanting<'a> {
    fn new(host: &'a Host) -> Self {
        host.wants().waiting += 1;
        host.wanted.notify_waiters();
        Self(host)
    }
}

impl Drop for Wanting<'_> {
    fn drop(&mut self) {
        let mut wants = self.0.wants();
        wants.waiting -= 1;
        wants.met = wants.met.min(wants.waiting);
    }
}

/// Tells when a permit that is spare is wanted, without holding it.
#[derive(Debug)]
pub(in crate::postgres) struct Wanted(Arc<Host>);

impl Wanted {
    /// Waits until a scrape waits for a permit for which no other was let go.
    pub(in crate::postgres) async fn wait(&self) {
        loop {
            let told = self.0.wanted.notified();
            if self.0.meet() {
                return;
            }
            told.await;
        }
    }
}

/// There is no permit, and there will be none: all of them are stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::postgres) struct AllStuck;

impl Default for Permits {
    /// As good as no limit.
    fn default() -> Self {
        Self::new(Semaphore::MAX_PERMITS / 2)
    }
}

impl Permits {
    /// At most that many connections per host, at least two.
    #[must_use]
    pub fn new(cap: usize) -> Self {
        Self(Arc::new(Shared {
            cap: AtomicUsize::new(cap.clamp(2, Semaphore::MAX_PERMITS / 2)),
            hosts: Mutex::default(),
            idle: Notify::new(),
        }))
    }

    /// How many there are on a host.
    #[must_use]
    pub fn cap(&self) -> usize {
        self.0.cap.load(Ordering::Relaxed)
    }

    /// There are to be so many on a host from now on. From four on, as the probe's part is the same then.
    pub fn set_cap(&self, cap: usize) {
        let cap = cap.clamp(ENOUGH, Semaphore::MAX_PERMITS / 2);
        if self.cap() < ENOUGH {
            return;
        }
        self.0.cap.store(cap, Ordering::Relaxed);
        let hosts = self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.values().for_each(|host| host.resize(|| self.cap()));
    }

    /// How many of them are for scrapes.
    #[must_use]
    pub fn of_scrapes(&self) -> usize {
        self.cap() - self.of_probe()
    }

    /// How many of them are left for the probe: a kept one and, where there are enough, one that comes and goes.
    #[must_use]
    pub fn of_probe(&self) -> usize {
        if self.cap() < ENOUGH { 1 } else { 2 }
    }

    /// How many of those for scrapes are held now, on all hosts.
    #[must_use]
    pub fn held_by_scrapes(&self) -> usize {
        let hosts = self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let held = |host: &Arc<Host>| {
            let size = host.size().saturating_sub(self.of_probe());
            size.saturating_sub(host.scrapes.available_permits())
        };
        hosts.values().map(held).sum()
    }

    /// A session has become idle: who waits for a permit may have it closed.
    pub(in crate::postgres) fn tell_of_idle(&self) {
        self.0.idle.notify_one();
    }

    /// Whether nobody connects to a database of a host for now: it sends without end.
    pub(in crate::postgres) fn rest(&self, place: usize, purpose: Purpose, database: &str) -> Option<Rest> {
        self.host(place).floods.of(purpose).rest(database)
    }

    /// Waits for a permit on a host. Where there is none, `make_room` is asked to close an idle session, again whenever one
    /// becomes idle, until it says that it has closed one.
    pub(in crate::postgres) async fn acquire(
        &self,
        place: usize,
        purpose: Purpose,
        make_room: impl Fn() -> bool,
    ) -> Result<Permit, AllStuck> {
        let host = self.host(place);
        // Of those that are too many some may have been given back.
        host.resize(|| self.cap());
        let semaphores: &[&Arc<Semaphore>] = match purpose {
            Purpose::Scrape => &[&host.scrapes, &host.all],
            Purpose::Probe => &[&host.all],
        };
        let mut permits = [None, None];
        for (semaphore, permit) in semaphores.iter().zip(&mut permits) {
            if let Ok(free) = Arc::clone(semaphore).try_acquire_owned() {
                *permit = Some(free);
                continue;
            }
            if purpose == Purpose::Scrape && host.stuck.load(Ordering::Relaxed) >= self.of_scrapes() {
                return Err(AllStuck);
            }
            let _wanting = (purpose == Purpose::Scrape).then(|| Wanting::new(&host));
            let mut has_room = make_room();
            let waited = Arc::clone(semaphore).acquire_owned();
            tokio::pin!(waited);
            *permit = loop {
                tokio::select! {
                    free = &mut waited => break free.ok(),
                    () = self.0.idle.notified(), if !has_room => has_room = make_room(),
                }
            };
        }
        Ok(Permit {
            host: Arc::clone(&host),
            purpose,
            _permits: permits,
        })
    }

    fn host(&self, place: usize) -> Arc<Host> {
        let mut hosts = self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let cap = self.cap();
        let host = hosts.entry(place).or_insert_with(|| {
            Arc::new(Host {
                all: Arc::new(Semaphore::new(cap)),
                scrapes: Arc::new(Semaphore::new(cap - self.of_probe())),
                size: Mutex::new(cap),
                stuck: AtomicUsize::new(0),
                wants: Mutex::default(),
                wanted: Notify::new(),
                floods: ByPurpose::default(),
                stragglers: Arc::default(),
            })
        });
        Arc::clone(host)
    }
}

impl Host {
    /// As many permits as there are to be now, as far as they are not held. Scrapes and the probe may ask for it at once.
    fn resize(&self, cap: impl FnOnce() -> usize) {
        let mut size = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        let cap = cap();
        if let Some(more) = cap.checked_sub(*size) {
            self.all.add_permits(more);
            self.scrapes.add_permits(more);
            *size = cap;
        } else {
            // What a scrape holds of the one it holds of the other, too.
            let fewer = self.scrapes.forget_permits(*size - cap);
            self.all.forget_permits(fewer);
            *size -= fewer;
        }
    }

    fn size(&self) -> usize {
        *self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host {
    fn wants(&self) -> MutexGuard<'_, Wants> {
        self.wants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a spare one is to be let go, for one that waits.
    fn meet(&self) -> bool {
        let mut wants = self.wants();
        let is_wanted = wants.met < wants.waiting;
        wants.met += usize::from(is_wanted);
        is_wanted
    }
}

impl Permit {
    /// Tells when it is wanted, should it be spare; the probe's is of no use to scrapes.
    pub(in crate::postgres) fn wanted(&self) -> Option<Wanted> {
        (self.purpose == Purpose::Scrape).then(|| Wanted(Arc::clone(&self.host)))
    }

    /// Its connection to that database was cut off, as the server sent without end.
    pub(in crate::postgres) fn cut_off(&self, database: &str) {
        self.host.floods.of(self.purpose).cut_off(database);
    }

    /// Backends of its host that may have stayed behind.
    pub(in crate::postgres) fn stragglers(&self) -> Arc<Stragglers> {
        Arc::clone(&self.host.stragglers)
    }

    /// Whether it is the probe's, which runs nothing of others and is the one who asks for those that stay behind.
    pub(in crate::postgres) fn is_of_probe(&self) -> bool {
        self.purpose == Purpose::Probe
    }

    /// Nobody has any use for its connection from now on.
    pub(in crate::postgres) fn stuck(&self) -> Option<Stuck> {
        (self.purpose == Purpose::Scrape).then(|| {
            self.host.stuck.fetch_add(1, Ordering::Relaxed);
            Stuck(Arc::clone(&self.host))
        })
    }
}

#[cfg(test)]
#[path = "permit_tests.rs"]
mod tests;
