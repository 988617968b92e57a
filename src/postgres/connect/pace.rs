//! Turns of connects, where one process has many targets: so many at a time, and one at a time to each server.
//!
//! A turn is for the work that a connect is, for both sides: a handshake, a hash. It ends with the connect, or after
//! [`LONGEST`]: a server that is silent does not keep others waiting.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

use super::bells::Bells;
use crate::postgres::conninfo::Host;

/// Connects that have their turn at the same time.
const MOST: usize = 64;

/// How long one keeps its turn.
const LONGEST: Duration = Duration::from_millis(100);

/// Servers that are remembered, whether somebody connects to them or not.
const SERVERS: usize = 4096;

/// Turns, shared by all that connect; without a bound by default.
#[derive(Clone, Debug, Default)]
pub struct Pace(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    all: Arc<Semaphore>,
    servers: Mutex<HashMap<String, Arc<Semaphore>>>,
    bells: Bells,
}

/// A turn. Dropping it gives it on.
#[derive(Debug)]
pub(super) struct Turn(Option<AbortHandle>);

impl Pace {
    /// Turns that are shared by all clones.
    #[must_use]
    pub fn bounded() -> Self {
        Self(Some(Arc::new(Shared {
            all: Arc::new(Semaphore::new(MOST)),
            servers: Mutex::default(),
            bells: Bells::default(),
        })))
    }

    /// What targets share of their knocks, where there are many.
    pub(super) fn bells(&self) -> Option<&Bells> {
        self.0.as_ref().map(|shared| &shared.bells)
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self, host: &Host) -> Turn {
        let Some(shared) = &self.0 else {
            return Turn(None);
        };
        let server = shared.server(host).acquire_owned().await.ok();
        let all = Arc::clone(&shared.all).acquire_owned().await.ok();
        Turn(Some(tokio::spawn(give_back([server, all])).abort_handle()))
    }
}

impl Shared {
    fn server(&self, host: &Host) -> Arc<Semaphore> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if servers.len() > SERVERS {
            servers.retain(|_, turns| Arc::strong_count(turns) > 1);
        }
        let turns = servers.entry(host.to_string());
        Arc::clone(turns.or_insert_with(|| Arc::new(Semaphore::new(1))))
    }
}

async fn give_back(turns: [Option<OwnedSemaphorePermit>; 2]) {
    tokio::time::sleep(LONGEST).await;
    drop(turns);
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use futures_util::FutureExt as _;
    use tokio::time::{Instant, advance};

    use super::*;

    fn host(name: &str) -> Host {
        Host::Tcp {
            host: Some(name.to_owned()),
            hostaddr: None,
            port: 5432,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_gets_one_connect_at_a_time() {
        let pace = Pace::bounded();
        let turn = pace.turn(&host("a")).await;
        assert!(pace.turn(&host("a")).now_or_never().is_none());
        drop(pace.turn(&host("b")).await);
        drop(turn);
        pace.turn(&host("a")).await;
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_hangs_keeps_nobody_for_long() {
        let pace = Pace::bounded();
        let begin = Instant::now();
        let _hangs = pace.turn(&host("a")).await;
        advance(Duration::from_millis(1)).await;
        pace.turn(&host("a")).await;
        assert!(begin.elapsed() <= LONGEST + Duration::from_millis(2));
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_have_a_turn() {
        let pace = Pace::bounded();
        let mut turns = Vec::new();
        for number in 0..MOST {
            turns.push(pace.turn(&host(&number.to_string())).await);
        }
        assert!(pace.turn(&host("more")).now_or_never().is_none());
        turns.pop();
        pace.turn(&host("more")).await;
    }

    #[tokio::test]
    async fn alone_nobody_waits() {
        let pace = Pace::default();
        let _one = pace.turn(&host("a")).await;
        pace.turn(&host("a")).now_or_never().unwrap();
    }
}
