//! The drop guard: sessions leave a database that someone wants to drop, rename or copy, and it is left alone for a while.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::database::QUIET;
use super::databases::Databases;
use crate::postgres::pool::Pool;

/// Time between two looks. A claim waits for 5 seconds, so several looks fall into it.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest time between two looks, where they are expensive.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// For how long nobody looks after the server has refused it: each try is a line in its log.
const BLIND: Duration = Duration::from_secs(300);

/// Looks take at most one part in so many of the server's time.
const SHARE: u32 = 100;

/// Looks for those who want a database for themselves.
#[derive(Debug)]
pub(in crate::scrape) struct DropGuard {
    /// What a look may take.
    limit: Duration,
    /// Until when nobody looks, as the role may not.
    blind_until: Cell<Option<Instant>>,
}

impl DropGuard {
    /// Looks that may take so long each.
    pub(in crate::scrape) fn new(limit: Duration) -> Self {
        Self {
            limit,
            blind_until: Cell::default(),
        }
    }

    /// Looks again and again, for as long as it is polled. Scrapes look for themselves as well, while they read the facts.
    pub(in crate::scrape) async fn keep_looking(&self, databases: &Databases, pool: &Pool) {
        let mut pause = PAUSE;
        loop {
            sleep(pause).await;
            pause = if pool.may_be_in_the_way() || databases.has_left_ones() {
                self.look(databases, pool, Instant::now() + self.limit).await
            } else {
                PAUSE
            };
        }
    }

    /// Looks once, if somebody can be asked; how long to wait before the next time.
    pub(in crate::scrape) async fn look(
        &self,
        databases: &Databases,
        pool: &Pool,
        deadline: Instant,
    ) -> Duration {
        let now = Instant::now();
        if self.blind_until.get().is_some_and(|until| now < until) {
            return PAUSE;
        }
        // The same limit at each look, so that the server is told of it only where a scrape has been in between.
        let Some(reader) = pool.lock_reader(self.limit) else {
            return PAUSE;
        };
        match reader.read(deadline.min(now + self.limit).into_std()).await {
            Ok(claims) => {
                databases.leave(&claims.databases, pool);
                pause_after(claims.cost)
            }
            // The scrape tells of a server that does not answer.
            Err(failure) => {
                tracing::debug!("cannot ask who wants a database: {failure}");
                if failure.is_lasting() {
                    self.blind_until.set(Instant::now().checked_add(BLIND));
                }
                QUIET
            }
        }
    }
}

/// How long to wait after a look that cost the server so much.
fn pause_after(cost: Duration) -> Duration {
    cost.saturating_mul(SHARE).clamp(PAUSE, LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expensive_looks_are_rare() {
        let milliseconds = Duration::from_millis;
        for (cost, pause) in [
            (0, 1_000),
            (10, 1_000),
            (25, 2_500),
            (299, 29_900),
            (5_000, 30_000),
        ] {
            assert_eq!(pause_after(milliseconds(cost)), milliseconds(pause), "{cost} ms");
        }
        assert_eq!(pause_after(Duration::MAX), LONGEST_PAUSE);
    }
}
