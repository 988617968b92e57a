//! Making room: sessions leave a database that someone wants to drop, rename or copy, and it is left alone for a while.

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::target::Target;

/// Time between two looks. A claim waits for 5 seconds, so several looks fall into it.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest time between two looks, where they are expensive.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// For how long nobody looks after the server has refused it: each try is a line in its log.
const BLIND: Duration = Duration::from_secs(300);

/// Looks take at most one part in so many of the server's time.
const SHARE: u32 = 100;

/// For how long a database is left alone after it was last seen to be wanted.
pub(in crate::scrape) const QUIET: Duration = Duration::from_secs(5);

/// Looks for claims for as long as the target is there. Scrapes look for themselves as well, while they read the facts.
pub(in crate::scrape) async fn keep_making(target: Rc<Target>) {
    let mut pause = PAUSE;
    loop {
        sleep(pause).await;
        pause = if target.has_to_look_out() {
            let deadline = Instant::now() + target.endpoint.connect_timeout;
            look(&target, deadline).await
        } else {
            PAUSE
        };
    }
}

/// Looks once, if somebody can be asked; how long to wait before the next time.
pub(in crate::scrape) async fn look(target: &Target, deadline: Instant) -> Duration {
    let is_blind = target
        .blind_until
        .get()
        .is_some_and(|until| Instant::now() < until);
    if is_blind {
        return PAUSE;
    }
    // The same limit at each look, so that the server is told of it only where a scrape has been in between.
    let Some(reader) = target.pool.lock_reader(target.endpoint.connect_timeout) else {
        return PAUSE;
    };
    match reader.read(deadline).await {
        Ok(claims) => {
            target.leave(&claims.databases);
            pause_after(claims.cost)
        }
        // The scrape tells of a server that does not answer.
        Err(failure) => {
            tracing::debug!("cannot ask who wants a database: {failure}");
            if failure.is_lasting() {
                target.blind_until.set(Instant::now().checked_add(BLIND));
            }
            QUIET
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
