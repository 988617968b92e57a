//! How many of a server's connections are ours, where nobody says it: few as long as that is enough for its databases; more where
//! there are more of them, as far as the server has room. A database that keeps its session costs the server a fraction of one
//! that is connected to anew at each scrape.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

use super::databases::Databases;
use crate::postgres::pool::Pool;
use crate::postgres::room::Room;

/// How often the server is asked for its room: what others take shows so soon.
const PAUSE: Duration = Duration::from_secs(15);

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
        }
    }

    /// The server has no connection left: what is more than `least` is for others.
    pub(in crate::scrape) fn give_way(&self, pool: &Pool) {
        if pool.permits().cap() > self.least {
            pool.set_cap(self.least);
        }
    }

    /// Asks the server over the idle session of the URL's database, where there are more databases than connections and it was
    /// not asked lately.
    pub(in crate::scrape) async fn follow(&self, databases: &Databases, pool: &Pool) {
        let count = databases.all().len();
        let needed = count + Room::besides(pool.permits());
        let now = Instant::now();
        if needed <= self.least || self.asked.get().is_some_and(|asked| now < asked + PAUSE) {
            return;
        }
        let Some(mut session) = pool.take(&databases.main.name) else {
            return;
        };
        self.asked.set(Some(now));
        match Room::read(&mut session, LIMIT).await {
            Ok(room) => {
                pool.put(&databases.main.name, session, false);
                let share = room.map(|room| {
                    // Those of the health probe count as others'.
                    let others = self.others.get().seen(room.others(pool.open()), now);
                    self.others.set(others);
                    room.share(others.most(), self.least, needed)
                });
                if let Some(share) = share.filter(|share| *share != pool.permits().cap()) {
                    tracing::info!(
                        connections = share,
                        databases = count,
                        "connections to the server from now on; --max-connections would fix their number"
                    );
                    pool.set_cap(share);
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
