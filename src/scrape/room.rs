//! Making room: sessions leave a database that someone wants to drop, rename or copy, and it is left alone for a while.

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::target::Target;

/// Time between two looks. A claim waits for 5 seconds, so several looks fall into it.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest time between two looks, where they are expensive.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Looks take at most one part in so many of the server's time.
const SHARE: u32 = 100;

/// For how long a database is left alone after it was last seen to be wanted.
pub(super) const QUIET: Duration = Duration::from_secs(5);

/// Looks for claims for as long as the target is there. Scrapes look for themselves as well, when they read the facts.
pub(super) async fn keep_making(target: Rc<Target>) {
    let mut pause = PAUSE;
    loop {
        sleep(pause).await;
        pause = look(&target).await;
    }
}

/// Looks once; how long to wait before the next time.
async fn look(target: &Target) -> Duration {
    let Some(asker) = target.pool.asker() else {
        return PAUSE;
    };
    match asker.ask(Instant::now() + target.endpoint.connect_timeout).await {
        Ok(claims) => {
            target.leave(&claims.databases);
            claims.cost.saturating_mul(SHARE).clamp(PAUSE, LONGEST_PAUSE)
        }
        // The next scrape finds out what is wrong and tells.
        Err(failure) => {
            tracing::debug!("cannot ask who wants a database: {failure}");
            QUIET
        }
    }
}
