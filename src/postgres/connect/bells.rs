//! Bells: targets at the same address share their knocks, where one process has many.
//!
//! Whether a server takes new connections is the same for all of its databases, and each knock is a process there. So who knocks where
//! another's knock was answered a moment ago has its answer, and who knocks where one is under way waits for that. Behind a server that
//! hangs there is one knock, however many wait for it.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::knock::Knock;
use crate::postgres::socket::Address;

/// How old an answer may be that stands for another: so much later at the most a door is known to be shut.
const FRESH: Duration = Duration::from_millis(300);

/// Addresses that are remembered, whether somebody knocks there or not.
const ADDRESSES: usize = 4096;

/// The bells of a process.
#[derive(Debug, Default)]
pub(super) struct Bells(Mutex<HashMap<(Address, Knock), Bell>>);

/// When a knock at that address was last answered; held by who knocks.
type Bell = Arc<tokio::sync::Mutex<Option<Instant>>>;

impl Bells {
    /// Knocks, or has the answer to another's knock.
    ///
    /// # Errors
    /// When its own knock is not answered.
    pub(super) async fn ring(
        &self,
        address: &Address,
        knock: Knock,
        knocking: impl Future<Output = io::Result<()>>,
    ) -> io::Result<()> {
        let bell = self.bell(address, knock);
        let begun = Instant::now();
        let mut answered = bell.lock().await;
        if answered.is_some_and(|answered| answered + FRESH >= begun) {
            return Ok(());
        }
        knocking.await?;
        *answered = Some(Instant::now());
        Ok(())
    }

    fn bell(&self, address: &Address, knock: Knock) -> Bell {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if bells.len() > ADDRESSES {
            bells.retain(|_, bell| Arc::strong_count(bell) > 1);
        }
        Arc::clone(bells.entry((address.clone(), knock)).or_default())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::cell::Cell;
    use std::future::pending;

    use tokio::time::{advance, sleep, timeout};

    use super::*;

    /// Two questions.
    fn knocks() -> [Knock; 2] {
        [180_000, 90_000].map(|version| Knock::quiet(version, false).unwrap())
    }

    fn address(port: u16) -> Address {
        Address::Tcp(([127, 0, 0, 1], port).into())
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_stands_for_others_for_a_moment() {
        let (bells, count) = (Bells::default(), Cell::new(0));
        let [one, other] = knocks();
        let ring = async |port: u16, knock: Knock| {
            let knocking = async {
                count.set(count.get() + 1);
                Ok(())
            };
            bells.ring(&address(port), knock, knocking).await.unwrap();
            count.get()
        };
        assert_eq!(ring(1, one).await, 1);
        assert_eq!(ring(1, one).await, 1);
        assert_eq!(ring(2, one).await, 2, "another server");
        assert_eq!(ring(1, other).await, 3, "another question");
        advance(FRESH).await;
        assert_eq!(ring(1, one).await, 3);
        advance(Duration::from_millis(1)).await;
        assert_eq!(ring(1, one).await, 4);
    }

    /// Who waits for one that hangs is not answered by it; who waits for one that takes its time is.
    #[tokio::test(start_paused = true)]
    async fn there_is_one_knock_at_a_time() {
        let (bells, begun, knock) = (Bells::default(), Cell::new(0), knocks()[0]);
        let second = Duration::from_secs(1);
        let hangs = async {
            begun.set(begun.get() + 1);
            pending::<io::Result<()>>().await
        };
        let waits = async { Err(io::Error::other("another is under way")) };
        let place = address(1);
        let (first, other) = tokio::join!(
            timeout(second, bells.ring(&place, knock, hangs)),
            timeout(second / 2, bells.ring(&place, knock, waits)),
        );
        assert!(first.is_err() && other.is_err(), "neither has an answer");
        assert_eq!(begun.get(), 1);
        let slow = async {
            sleep(second).await;
            Ok(())
        };
        let waits = async { Err(io::Error::other("the other's answer is as good")) };
        let (first, other) = tokio::join!(bells.ring(&place, knock, slow), bells.ring(&place, knock, waits));
        assert!(first.is_ok() && other.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_stands_for_nobody() {
        let (bells, knock) = (Bells::default(), knocks()[0]);
        let refused = async { Err(io::Error::from(io::ErrorKind::ConnectionRefused)) };
        assert!(bells.ring(&address(1), knock, refused).await.is_err());
        let answered = async { Ok(()) };
        assert!(bells.ring(&address(1), knock, answered).await.is_ok());
    }
}
