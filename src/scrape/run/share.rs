//! How many of a server's connections are ours, where nobody says it: few as long as that is enough for its databases; more where
//! there are more of them, as far as the server has room. A database that keeps its session costs the server a fraction of one
//! that is connected to anew at each scrape.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

use super::databases::Databases;
use crate::postgres::pool::Pool;
use crate::postgres::room::Room;

/// How often the server is asked for its room.
const PAUSE: Duration = Duration::from_secs(60);

/// What it may take.
const LIMIT: Duration = Duration::from_secs(1);

/// Keeps the number of connections in line with the server's room.
#[derive(Debug)]
pub(in crate::scrape) struct Share {
    /// What is ours in any case.
    least: usize,
    asked: Cell<Option<Instant>>,
}

impl Share {
    /// At least so many are ours.
    pub(in crate::scrape) fn new(least: usize) -> Self {
        Self {
            least,
            asked: Cell::default(),
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
                let share = room.map(|room| room.share(pool.open(), self.least, needed));
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
                if failure.sqlstate.is_some() {
                    pool.put(&databases.main.name, session, false);
                } else {
                    session.abandon();
                }
            }
        }
    }
}
