//! The drop guard: sessions leave a database that someone wants to drop, rename or copy, and it is left alone for a while.
//!
//! Who wants one waits for 5 seconds until the others have left. Looks for them are in one of two states. While they are *cheap*, one
//! comes at least every 2 seconds, and in front of the facts of each scrape: sessions may idle in discovered databases.
//! Where they are *dear*, several in a row or one by far, because of very many locks or a slow server, looks so often would cost too much. Then no session idles
//! in a discovered database: each is closed at the end of its scrape. Looks are as rare as they are dear, but while sessions
//! are in use for long, and tell when they are cheap again. Either way a session leaves 2 seconds and a look after a claim at the latest.
//! Where looks are cheap and nothing of ours can be in the way, nobody looks, and nothing wakes until the next scrape.

use std::cell::Cell;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::databases::Databases;
use crate::postgres::pool::Pool;

/// Time between two looks. A claim waits for 5 seconds, so several looks fall into it.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest time between two looks that see a claim in time.
const IN_TIME: Duration = Duration::from_secs(2);

/// The longest time between two looks, where they are dear.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// For how long nobody looks after the server has refused it: each try is a line in its log.
const BLIND: Duration = Duration::from_secs(300);

/// So many looks in a row say what one costs: one alone may be a matter of the moment, on a server that is busy.
const ENOUGH: usize = 3;

/// What one alone says: so many times less. One that takes a quarter of a second is dear whatever the moment.
const ALONE: u32 = 10;

/// Looks take at most one part in so many of the server's time.
const SHARE: u32 = 100;

/// Looks for those who want a database for themselves.
#[derive(Debug)]
pub(in crate::scrape) struct DropGuard {
    /// What a look may take.
    limit: Duration,
    /// What the last ones cost the server; one that it did not answer in time cost all of that.
    costs: Cell<[Duration; ENOUGH]>,
    /// When it was.
    last: Cell<Option<Instant>>,
    /// Until when nobody looks, as the role may not.
    blind_until: Cell<Option<Instant>>,
    /// Since when sessions have been in use without a break, as far as was seen.
    busy_since: Cell<Option<Instant>>,
    /// Tells that sessions are about to be used.
    stirred: Notify,
}

impl DropGuard {
    /// Looks that may take so long each.
    pub(in crate::scrape) fn new(limit: Duration) -> Self {
        Self {
            limit,
            costs: Cell::default(),
            last: Cell::default(),
            blind_until: Cell::default(),
            busy_since: Cell::default(),
            stirred: Notify::new(),
        }
    }

    /// Looks again and again, for as long as it is polled. While looks are cheap, scrapes look for themselves as well, while they
    /// read the facts.
    pub(in crate::scrape) async fn keep_looking(&self, databases: &Databases, pool: &Pool) {
        loop {
            if !self.is_dear() && !pool.may_be_in_the_way() && !databases.has_left_ones() {
                self.stirred.notified().await;
            }
            sleep(if self.is_dear() { PAUSE } else { self.pause() }).await;
            let now = Instant::now();
            let is_due = if self.is_dear() {
                databases.keep_none();
                self.is_due(pool.is_busy(), now)
            } else {
                pool.may_be_in_the_way() || databases.has_left_ones()
            };
            if is_due {
                self.look(databases, pool, now + self.limit).await;
            }
        }
    }

    /// Sessions are about to be used.
    pub(in crate::scrape) fn stir(&self) {
        self.stirred.notify_one();
    }

    /// A scrape is about to use its sessions: it looks, where looks are cheap.
    pub(in crate::scrape) async fn look_before_scrape(
        &self,
        databases: &Databases,
        pool: &Pool,
        deadline: Instant,
    ) {
        if !self.is_dear() {
            self.look(databases, pool, deadline).await;
        }
    }

    /// Looks once, if somebody can be asked.
    async fn look(&self, databases: &Databases, pool: &Pool, deadline: Instant) {
        let now = Instant::now();
        if self.blind_until.get().is_some_and(|until| now < until) {
            return;
        }
        // The same limit at each look, so that the server is told of it only where a scrape has been in between.
        let Some(reader) = pool.lock_reader(self.limit) else {
            return;
        };
        self.last.set(Some(now));
        match reader.read(deadline.min(now + self.limit).into_std()).await {
            Ok(claims) => {
                self.note(claims.cost);
                databases.leave(&claims.databases, pool);
            }
            Err(failure) if failure.is_lasting() => {
                tracing::debug!("cannot ask who wants a database: {failure}");
                self.blind_until.set(Instant::now().checked_add(BLIND));
            }
            // The scrape tells of a server that does not answer.
            Err(failure) => {
                tracing::debug!("cannot ask who wants a database: {failure}");
                self.note(now.elapsed());
            }
        }
        pool.keep_discovered(!self.is_dear());
    }

    fn note(&self, cost: Duration) {
        let mut costs = self.costs.get();
        costs.rotate_left(1);
        costs[ENOUGH - 1] = cost;
        self.costs.set(costs);
    }

    /// By the cheapest of the last looks, and by the last one as far as it says anything alone.
    fn pause(&self) -> Duration {
        let costs = self.costs.get();
        let cheapest = costs.into_iter().min().unwrap_or_default();
        pause_after(cheapest.max(costs[ENOUGH - 1] / ALONE))
    }

    fn is_dear(&self) -> bool {
        self.pause() > IN_TIME
    }

    /// Whether a look is due where they are dear.
    fn is_due(&self, is_busy: bool, now: Instant) -> bool {
        if !is_busy {
            self.busy_since.set(None);
        } else if self.busy_since.get().is_none() {
            self.busy_since.set(Some(now));
        }
        let since = |moment: Instant| now.saturating_duration_since(moment);
        let in_use = self.busy_since.get().is_some_and(|began| since(began) >= PAUSE);
        let rest = if in_use { PAUSE } else { self.pause() };
        self.last.get().is_none_or(|last| since(last) >= rest)
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

    #[test]
    fn a_dear_look_is_a_matter_of_the_moment() {
        let guard = DropGuard::new(PAUSE);
        let dear = Duration::from_millis(60);
        let looks = [dear, dear, Duration::ZERO, dear, dear, dear, Duration::ZERO];
        let is_dear = looks.map(|cost| {
            guard.note(cost);
            guard.is_dear()
        });
        assert_eq!(is_dear, [false, false, false, false, false, true, false]);
        guard.note(dear * ALONE);
        assert!(guard.is_dear(), "that one is dear whatever the moment");
    }

    #[test]
    fn dear_looks_are_more_frequent_while_sessions_are_in_use() {
        let (guard, now) = (DropGuard::new(PAUSE), Instant::now());
        (0..ENOUGH).for_each(|_| guard.note(Duration::from_millis(60)));
        guard.last.set(Some(now));
        let due = |is_busy, seconds| guard.is_due(is_busy, now + Duration::from_secs(seconds));
        assert!(guard.is_dear());
        assert_eq!(
            [due(false, 1), due(false, 5), due(false, 6)],
            [false, false, true]
        );
        assert_eq!([due(true, 2), due(true, 3)], [false, true], "in use for a second");
        assert!(!due(false, 4), "and no more");
    }
}
