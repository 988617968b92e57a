//! Servers that send without end: what they send is read only so far, and they are left alone for longer and longer.
//!
//! What comes over a connection that nobody has any use for is thrown away, until the server closes its end. One that has sent
//! [`MOST`] bytes by then, or goes on with a part of that for very long, is *cut off*. The server is *suspected* after that, *at rest* when it happens again within [`MEMORY`]:
//! for a while nobody connects to it. Those that are cut off together count once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Most bytes that are thrown away of a connection. On its way from a server that obeys a cancel request there is less.
const MOST: usize = 16 << 20;

/// Most bytes of a connection that goes on for longer than [`LONG`].
const MOST_OF_LONG: usize = 4 << 20;

const LONG: Duration = Duration::from_secs(10);

/// For how long the place of a connection that was cut off stays taken. Its backend ends when it sends the next bytes.
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

    /// Whether the connection is to be cut off.
    pub(in crate::postgres) fn is_too_much(self) -> bool {
        let is_long = || self.since.is_some_and(|since| since.elapsed() >= LONG);
        self.bytes >= MOST || (self.bytes >= MOST_OF_LONG && is_long())
    }
}

/// What is known of a server's floods.
#[derive(Debug, Default)]
pub(in crate::postgres) struct Floods(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Since it was first suspected.
    count: u32,
    last: Option<Instant>,
    until: Option<Instant>,
}

impl Floods {
    /// A connection was cut off.
    pub(in crate::postgres) fn cut_off(&self) {
        let now = Instant::now();
        let mut known = self.known();
        let age = known.last.map(|last| now.saturating_duration_since(last));
        if known.is_at_rest(now) || age.is_some_and(|age| age < TOGETHER) {
            return;
        }
        if age.is_some_and(|age| age > MEMORY) {
            known.count = 0;
        }
        known.last = Some(now);
        if let Some(doublings) = known.count.checked_sub(1) {
            let [first, longest] = RESTS;
            let rest = first.saturating_mul(1 << doublings.min(10));
            known.until = Some(now + rest.mul_f64(0.75 + fastrand::f64() / 2.0).min(longest));
        }
        known.count = known.count.saturating_add(1);
    }

    /// Whether nobody connects to the server for now.
    pub(in crate::postgres) fn is_at_rest(&self) -> bool {
        self.known().is_at_rest(Instant::now())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn is_at_rest(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    /// For how long it is at rest, in seconds.
    async fn rest(floods: &Floods) -> u64 {
        let begin = Instant::now();
        while floods.is_at_rest() {
            advance(Duration::from_millis(100)).await;
        }
        begin.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn rests_double_up_to_a_minute() {
        let floods = Floods::default();
        floods.cut_off();
        assert!(!floods.is_at_rest(), "once is a matter of the moment");
        advance(TOGETHER).await;
        for nominal in [5, 10, 20, 40, 60, 60] {
            floods.cut_off();
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
        (0..8).for_each(|_| floods.cut_off());
        assert!(!floods.is_at_rest());
        advance(TOGETHER).await;
        (0..8).for_each(|_| floods.cut_off());
        assert!((3..=6).contains(&rest(&floods).await));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_forgotten() {
        let floods = Floods::default();
        for _ in 0..3 {
            floods.cut_off();
            advance(MEMORY + TOGETHER).await;
        }
        floods.cut_off();
        assert!(!floods.is_at_rest());
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
