//! Servers that send without end: what they send is read only so far, and they are left alone for longer and longer.
//!
//! What comes over a connection that nobody has any use for is thrown away, until the server closes its end. One that has sent
//! [`MOST`] bytes by then, or goes on with a part of that for very long, is *cut off*. Its database is *suspected* after that, *at
//! rest* when it happens again within [`MEMORY`]: for a while nobody connects to it. Those that are cut off together count once. A
//! function of one database may do that, and is no reason to leave the others alone; where more than half of those that we connect to are
//! suspected, it is the server, and counted for the server as well.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Most bytes that are thrown away of a connection. On its way from a server that obeys a cancel request there is less.
const MOST: usize = 16 << 20;

/// Most bytes of a connection that goes on for longer than [`LONG`].
const MOST_OF_LONG: usize = 4 << 20;

const LONG: Duration = Duration::from_secs(10);

/// For how long the place of a connection that was cut off stays taken where nobody can ask whether its backend has gone. It ends when it
/// sends the next bytes.
pub(in crate::postgres) const FAREWELL: Duration = Duration::from_secs(1);

/// Cut off so soon after one another is together.
const TOGETHER: Duration = Duration::from_secs(2);

/// The first rest, and the longest. They double, with jitter of a quarter either way.
const RESTS: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(60)];

/// For how long a flood is remembered.
const MEMORY: Duration = Duration::from_secs(600);

/// Bytes of one connection that were thrown away.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::postgres) struct Waste {
    bytes: usize,
    since: Option<Instant>,
}

impl Waste {
    pub(in crate::postgres) fn add(&mut self, bytes: usize) {
        self.since.get_or_insert_with(Instant::now);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// How much it is.
    pub(in crate::postgres) fn bytes(self) -> usize {
        self.bytes
    }

    /// Whether the connection is to be cut off.
    pub(in crate::postgres) fn is_too_much(self) -> bool {
        let is_long = || self.since.is_some_and(|since| since.elapsed() >= LONG);
        self.bytes >= MOST || (self.bytes >= MOST_OF_LONG && is_long())
    }
}

/// What is left alone for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::postgres) enum Rest {
    /// The server, whatever the database.
    OfServer,
    /// That database.
    OfDatabase,
}

/// What is known of a server's floods.
#[derive(Debug, Default)]
pub(in crate::postgres) struct Floods(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    server: Record,
    databases: HashMap<Box<str>, Database>,
}

#[derive(Debug)]
struct Database {
    record: Record,
    /// When somebody last connected to it, or wanted to.
    wanted: Instant,
}

/// The floods of a database, or of the server.
#[derive(Clone, Copy, Debug, Default)]
struct Record {
    /// Since it was first suspected.
    count: u32,
    last: Option<Instant>,
    until: Option<Instant>,
}

impl Floods {
    /// A connection to that database was cut off.
    pub(in crate::postgres) fn cut_off(&self, database: &str) {
        let now = Instant::now();
        let mut known = self.known();
        known.database(database, now).record.cut_off(now);
        let all = known.databases.values();
        let suspected = all.filter(|database| database.record.is_suspected(now)).count();
        if suspected * 2 > known.databases.len() {
            known.server.cut_off(now);
        }
    }

    /// Whether nobody connects to that database for now.
    pub(in crate::postgres) fn rest(&self, database: &str) -> Option<Rest> {
        let now = Instant::now();
        let mut known = self.known();
        let is_at_rest = known.database(database, now).record.is_at_rest(now);
        match known.server.is_at_rest(now) {
            true => Some(Rest::OfServer),
            false => is_at_rest.then_some(Rest::OfDatabase),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// One that is wanted now.
    fn database(&mut self, name: &str, now: Instant) -> &mut Database {
        if !self.databases.contains_key(name) {
            // Sessions live as long as floods are remembered, so one that is still there was wanted since.
            self.databases
                .retain(|_, database| now.saturating_duration_since(database.wanted) < MEMORY * 2);
        }
        let database = self.databases.entry(name.into()).or_insert(Database {
            record: Record::default(),
            wanted: now,
        });
        database.wanted = now;
        database
    }
}

impl Record {
    fn cut_off(&mut self, now: Instant) {
        let age = self.age(now);
        if self.is_at_rest(now) || age.is_some_and(|age| age < TOGETHER) {
            return;
        }
        if age.is_some_and(|age| age > MEMORY) {
            self.count = 0;
        }
        self.last = Some(now);
        if let Some(doublings) = self.count.checked_sub(1) {
            let [first, longest] = RESTS;
            let rest = first.saturating_mul(1 << doublings.min(10));
            self.until = Some(now + rest.mul_f64(0.75 + fastrand::f64() / 2.0).min(longest));
        }
        self.count = self.count.saturating_add(1);
    }

    fn age(&self, now: Instant) -> Option<Duration> {
        self.last.map(|last| now.saturating_duration_since(last))
    }

    fn is_suspected(&self, now: Instant) -> bool {
        self.age(now).is_some_and(|age| age <= MEMORY)
    }

    fn is_at_rest(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    /// The only database.
    const ALONE: &str = "alone";

    /// For how long it is at rest, in seconds.
    async fn rest(floods: &Floods) -> u64 {
        let begin = Instant::now();
        while floods.rest(ALONE).is_some() {
            advance(Duration::from_millis(100)).await;
        }
        begin.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn rests_double_up_to_a_minute() {
        let floods = Floods::default();
        floods.cut_off(ALONE);
        assert!(floods.rest(ALONE).is_none(), "once is a matter of the moment");
        advance(TOGETHER).await;
        for nominal in [5, 10, 20, 40, 60, 60] {
            floods.cut_off(ALONE);
            let rest = rest(&floods).await;
            assert!(
                (nominal * 3 / 4..=nominal * 5 / 4).contains(&rest),
                "{nominal} {rest}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_are_cut_off_together_count_once() {
        let floods = Floods::default();
        (0..8).for_each(|_| floods.cut_off(ALONE));
        assert!(floods.rest(ALONE).is_none());
        advance(TOGETHER).await;
        (0..8).for_each(|_| floods.cut_off(ALONE));
        assert!((3..=6).contains(&rest(&floods).await));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_forgotten() {
        let floods = Floods::default();
        for _ in 0..3 {
            floods.cut_off(ALONE);
            advance(MEMORY + TOGETHER).await;
        }
        floods.cut_off(ALONE);
        assert!(floods.rest(ALONE).is_none());
    }

    /// Floods of so many of eight databases, twice each: what is left alone, of one that floods and of one that does not.
    async fn floods_of(count: usize) -> [Option<Rest>; 2] {
        let floods = Floods::default();
        let names: Vec<String> = (0..8).map(|number| format!("d{number}")).collect();
        names.iter().for_each(|name| assert_eq!(floods.rest(name), None));
        for _ in 0..2 {
            advance(TOGETHER).await;
            names.iter().take(count).for_each(|name| floods.cut_off(name));
        }
        [floods.rest("d0"), floods.rest("d7")]
    }

    #[tokio::test(start_paused = true)]
    async fn others_are_left_alone_only_where_most_flood() {
        assert_eq!(floods_of(1).await, [Some(Rest::OfDatabase), None]);
        assert_eq!(floods_of(4).await, [Some(Rest::OfDatabase), None]);
        assert_eq!(floods_of(5).await, [Some(Rest::OfServer); 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_nobody_wants_any_more_is_no_quiet_one() {
        let floods = Floods::default();
        floods.rest("dropped");
        advance(MEMORY * 2).await;
        for _ in 0..2 {
            floods.cut_off(ALONE);
            advance(TOGETHER).await;
        }
        assert_eq!(floods.rest(ALONE), Some(Rest::OfServer));
    }

    #[tokio::test(start_paused = true)]
    async fn so_much_is_waste() {
        let mut waste = Waste::default();
        waste.add(MOST - 1);
        assert!(!waste.is_too_much());
        waste.add(1);
        assert!(waste.is_too_much());
        waste.add(usize::MAX);
        assert!(waste.is_too_much());
        let mut slow = Waste::default();
        slow.add(MOST_OF_LONG);
        assert!(!slow.is_too_much());
        advance(LONG).await;
        assert!(slow.is_too_much() && !Waste::default().is_too_much());
    }
}
