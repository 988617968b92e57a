//! How many of a server's connections are ours, where nobody says it: few as long as that is enough for its databases; more where
//! there are more of them, as far as the server has room. A database that keeps its session costs the server a fraction of one
//! that is connected to anew at each scrape.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

use super::databases::Databases;
use crate::postgres::pool::Pool;
use crate::postgres::room::{FEWEST, Room};

/// How often the server is asked for its room: what others take shows so soon.
const PAUSE: Duration = Duration::from_secs(15);

/// The same where what we have without asking is enough: only its room may be less than that.
const LONG_PAUSE: Duration = Duration::from_secs(600);

/// For how long it is remembered at least, and for twice that at most, how many connections others had: an application that is
/// started again finds room for all that it had, and one that works at night is not forgotten by day.
const MEMORY: Duration = Duration::from_secs(12 * 3600);

/// For how much longer it is not asked again where the role may not know.
const DENIED: Duration = Duration::from_secs(3600);

/// What it may take.
const LIMIT: Duration = Duration::from_secs(1);

/// Keeps the number of connections in line with the server's room.
#[derive(Debug)]
pub(in crate::scrape) struct Share {
    /// What is ours in any case.
    least: usize,
    asked: Cell<Option<Instant>>,
    others: Cell<Others>,
    /// How many were open when it was asked.
    open: Cell<usize>,
    /// Whether more are ours since then, which nobody has opened yet.
    has_grown: Cell<bool>,
}

/// How many connections others had at most: of late, and in the time before.
#[derive(Clone, Copy, Debug)]
struct Others {
    since: Instant,
    most: u32,
    before: u32,
}

impl Others {
    /// As seen now.
    fn seen(self, others: u32, now: Instant) -> Self {
        if now.saturating_duration_since(self.since) < MEMORY {
            return Self {
                most: self.most.max(others),
                ..self
            };
        }
        Self {
            since: now,
            most: others,
            before: self.most,
        }
    }

    fn most(self) -> u32 {
        self.most.max(self.before)
    }
}

impl Share {
    /// At least so many are ours.
    pub(in crate::scrape) fn new(least: usize) -> Self {
        Self {
            least,
            asked: Cell::default(),
            others: Cell::new(Others {
                since: Instant::now(),
                most: 0,
                before: 0,
            }),
            open: Cell::default(),
            has_grown: Cell::default(),
        }
    }

    /// The server has no connection left: but for a few, ours are for others, until it can be asked again.
    pub(in crate::scrape) fn give_way(&self, pool: &Pool) {
        let most = if self.is_denied() { self.least } else { FEWEST };
        if pool.permits().cap() > most {
            pool.set_cap(most);
        }
        if !self.is_denied() {
            self.asked.set(None);
        }
    }

    /// Whether the role may not know the server's room.
    pub(in crate::scrape) fn is_denied(&self) -> bool {
        self.asked.get().is_some_and(|asked| asked > Instant::now())
    }

    /// A run is about to open what has become ours: others may have taken it meanwhile.
    pub(in crate::scrape) async fn confirm(&self, databases: &Databases, pool: &Pool) {
        if self.has_grown.take() {
            self.ask(databases, pool, false).await;
        }
    }

    /// Asks the server, where it was not asked lately, or more connections are open since: others may have taken the same.
    pub(in crate::scrape) async fn follow(&self, databases: &Databases, pool: &Pool) {
        let needed = needed(databases, pool);
        // They were fewer than that of late, where there was no more room.
        let is_enough = needed <= self.least && pool.permits().cap() >= needed.min(self.least);
        let pause = if is_enough { LONG_PAUSE } else { PAUSE };
        let has_passed = |asked: Instant| asked.elapsed() >= pause;
        let has_opened = needed > self.least && pool.open() > self.open.get();
        let was_full = pool.was_full();
        if needed > FEWEST && (was_full || has_opened || self.asked.get().is_none_or(has_passed)) {
            self.ask(databases, pool, true).await;
        }
    }

    /// Asks over the idle session of the URL's database.
    async fn ask(&self, databases: &Databases, pool: &Pool, may_grow: bool) {
        if self.is_denied() {
            return;
        }
        let Some(mut session) = pool.take(&databases.main.name) else {
            return;
        };
        let now = Instant::now();
        let (open, cap) = (pool.open(), pool.permits().cap());
        self.asked.set(Some(now));
        self.open.set(open);
        match Room::read(&mut session, LIMIT).await {
            Ok(room) => {
                pool.put(&databases.main.name, session, false);
                let share = room.map(|room| {
                    // Those of the health probe count as others', but for the role.
                    let others = self.others.get().seen(room.others(open), now);
                    self.others.set(others);
                    let ours = open + pool.permits().of_probe();
                    let share = room.share(others.most(), ours, self.least, needed(databases, pool));
                    if may_grow {
                        room.step(cap, share)
                    } else {
                        share.min(cap)
                    }
                });
                if let Some(share) = share.filter(|share| *share != cap) {
                    tracing::info!(
                        connections = share,
                        databases = databases.all().len(),
                        "connections to the server from now on; --max-connections would fix their number"
                    );
                    pool.set_cap(share);
                    self.has_grown.set(share > cap);
                }
            }
            Err(failure) => {
                tracing::debug!("cannot ask for the server's room for connections: {failure}");
                if failure.is_lasting() {
                    // Each try would be a line in the server's log.
                    self.asked.set(Some(now + DENIED));
                }
                if failure.sqlstate.is_some() {
                    pool.put(&databases.main.name, session, false);
                } else {
                    session.abandon();
                }
            }
        }
    }
}

/// What each database and the rest of us would need.
fn needed(databases: &Databases, pool: &Pool) -> usize {
    databases.all().len() + Room::besides(pool.permits())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_had_is_remembered_for_a_day() {
        let start = Instant::now();
        let hour = Duration::from_secs(3600);
        let mut others = Others {
            since: start,
            most: 0,
            before: 0,
        };
        let seen = [
            (0, 80, 80),
            (1, 3, 80),
            (13, 5, 80),
            (24, 4, 80),
            (26, 4, 5),
            (40, 4, 4),
        ];
        for (hours, now, most) in seen {
            others = others.seen(now, start + hour * hours);
            assert_eq!(others.most(), most, "after {hours} hours");
        }
    }
}
