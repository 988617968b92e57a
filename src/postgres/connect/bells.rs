//! Bells: targets at the same address share what they try at its door, where one process has many.
//!
//! Whether a server takes new connections is the same for all of its databases, and each knock is a process there. Whether it lets a
//! role into a database is the same for all targets of both, and each login is a process, too. So who tries what another's try was
//! answered of a moment ago has its answer, and who tries where one is under way waits for that. Behind a server that hangs there is
//! one knock, however many wait for it. Who has waited for a login as long as one may take tries for itself: what keeps another target,
//! its files for one, is its own.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::knock::Knock;
use crate::postgres::failure::Failure;
use crate::postgres::socket::Address;

/// How old the answer to a knock may be that stands for another.
const FRESH: Duration = Duration::from_millis(300);

/// The knocks of who waits have a limit of their own.
const FOREVER: Duration = Duration::from_secs(3600);

/// Bells that are remembered, whether somebody rings them or not.
const MOST: usize = 4096;

/// What is tried at an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Try {
    Knock(Knock),
    Login { user: Arc<str>, database: Arc<str> },
}

/// The bells of a process.
#[derive(Debug, Default)]
pub(super) struct Bells(Mutex<HashMap<(Address, Try), Bell>>);

/// When that try was last answered; held by who tries.
type Bell = Arc<tokio::sync::Mutex<Option<Instant>>>;

impl Bells {
    /// Knocks, or has the answer to another's knock.
    ///
    /// # Errors
    /// When its own knock is not answered.
    pub(super) async fn knock(
        &self,
        address: &Address,
        knock: Knock,
        knocking: impl Future<Output = io::Result<()>>,
    ) -> io::Result<()> {
        let answered = self.ring(address, Try::Knock(knock), (FRESH, FOREVER), knocking);
        answered.await.map(drop)
    }

    /// Logs in, or has the answer to another's login, which may be as old as `fresh`; when that came. Waits no longer than `patience` for
    /// one that is under way.
    ///
    /// # Errors
    /// When its own login fails.
    pub(super) async fn log_in(
        &self,
        address: &Address,
        (user, database): (&str, &str),
        (fresh, patience): (Duration, Duration),
        login: impl Future<Output = Result<(), Failure>>,
    ) -> Result<Instant, Failure> {
        let (user, database) = (user.into(), database.into());
        let what = Try::Login { user, database };
        self.ring(address, what, (fresh, patience), login).await
    }

    /// An answer that is no older than `fresh` stands for another: so much later at the most a door is known to be shut.
    async fn ring<E>(
        &self,
        address: &Address,
        what: Try,
        (fresh, patience): (Duration, Duration),
        trying: impl Future<Output = Result<(), E>>,
    ) -> Result<Instant, E> {
        let bell = self.bell(address, what);
        let begun = Instant::now();
        let Ok(mut last) = timeout(patience, bell.lock()).await else {
            return trying.await.map(|()| Instant::now());
        };
        if let Some(answered) = *last
            && answered + fresh >= begun
        {
            return Ok(answered);
        }
        trying.await?;
        let answered = Instant::now();
        *last = Some(answered);
        Ok(answered)
    }

    fn bell(&self, address: &Address, what: Try) -> Bell {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if bells.len() > MOST {
            bells.retain(|_, bell| Arc::strong_count(bell) > 1);
        }
        Arc::clone(bells.entry((address.clone(), what)).or_default())
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
    async fn a_login_stands_for_those_of_its_role_and_database() {
        let (bells, count) = (Bells::default(), Cell::new(0));
        let second = Duration::from_secs(1);
        let log_in = async |user: &str, database: &str| {
            let login = async {
                count.set(count.get() + 1);
                Ok(())
            };
            let who = (user, database);
            let answered = bells
                .log_in(&address(1), who, (second, second), login)
                .await
                .unwrap();
            (count.get(), answered.elapsed())
        };
        let half = second / 2;
        let logins = [("mon", "shop"), ("mon", "crm"), ("other", "shop")];
        for (number, (user, database)) in (1..).zip(logins) {
            assert_eq!(log_in(user, database).await, (number, Duration::ZERO));
            advance(half).await;
            assert_eq!(log_in(user, database).await, (number, half));
        }
        advance(second).await;
        assert_eq!(log_in("mon", "shop").await, (4, Duration::ZERO));
        let refused = async { Err(Failure::connection("refused")) };
        let refused = bells
            .log_in(&address(2), ("mon", "shop"), (second, second), refused)
            .await;
        assert!(refused.is_err(), "another server");
        // What keeps one for long keeps no other one for long.
        let begun = Instant::now();
        let (who, place) = (("mon", "shop"), address(3));
        let hangs = bells.log_in(&place, who, (second, second), pending());
        let answered = async { Ok(()) };
        let other = bells.log_in(&place, who, (second, second), answered);
        let (hung, other) = tokio::join!(timeout(second * 10, hangs), other);
        assert!(hung.is_err() && other.is_ok_and(|at| at - begun <= second));
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
            bells.knock(&address(port), knock, knocking).await.unwrap();
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
            timeout(second, bells.knock(&place, knock, hangs)),
            timeout(second / 2, bells.knock(&place, knock, waits)),
        );
        assert!(first.is_err() && other.is_err(), "neither has an answer");
        assert_eq!(begun.get(), 1);
        let slow = async {
            sleep(second).await;
            Ok(())
        };
        let waits = async { Err(io::Error::other("the other's answer is as good")) };
        let (first, other) = tokio::join!(
            bells.knock(&place, knock, slow),
            bells.knock(&place, knock, waits)
        );
        assert!(first.is_ok() && other.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_stands_for_nobody() {
        let (bells, knock) = (Bells::default(), knocks()[0]);
        let refused = async { Err(io::Error::from(io::ErrorKind::ConnectionRefused)) };
        assert!(bells.knock(&address(1), knock, refused).await.is_err());
        let answered = async { Ok(()) };
        assert!(bells.knock(&address(1), knock, answered).await.is_ok());
    }
}
