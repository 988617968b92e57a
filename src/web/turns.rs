//! What is dear takes turns: one step of one of them at a time, and whoever has little to do goes on in between.
//!
//! Probes are answered on the same thread as everything else that clients ask for. A handshake of TLS costs it a fraction of
//! a millisecond, and so does a block of HTTP/2 that refers 16,000 times to one field: 256 connections that come with such
//! at once would be a tenth of a second in a row. So each step of a handshake, and each step of a connection that has used
//! up its [`Share`], waits for its turn. Where nobody else waits it has it at once.
//!
//! A step is *waiting*, with a number, or *has the turn*. It is moved by whoever had the turn before, some rounds of
//! all others later; one that is given up leaves the list, or hands the turn on.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Task, Poll, Waker, ready};
use std::time::Instant;

use tokio::task::{spawn_local, yield_now};

use super::share::Share;

/// Who of those that wait is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Whoever has had the least; of equals the one that waits longest.
    LeastServedFirst,
    /// In a flood that is more than can be done somebody is served at once, and those that have waited longest are given
    /// up at their deadline. The other way round nobody would be served in time.
    LastComeFirst,
}

/// Whose turn it is.
#[derive(Debug)]
pub struct Turns {
    order: Order,
    /// How often all others go on between two steps.
    rounds: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether somebody has the turn.
    is_taken: bool,
    /// The number of the next one that has to wait.
    next: u64,
    /// In the order in which they came.
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    /// When nothing of its share is spent any more.
    whole_at: Option<Instant>,
    waker: Waker,
}

impl Turns {
    /// Of handshakes. In each round one connection is accepted, so that those who wait for that are not last.
    #[must_use]
    pub fn of_handshakes() -> Arc<Self> {
        Self::new(Order::LastComeFirst, 8)
    }

    /// Of connections that keep the thread busy.
    #[must_use]
    pub fn of_the_busy() -> Arc<Self> {
        Self::new(Order::LeastServedFirst, 1)
    }

    fn new(order: Order, rounds: usize) -> Arc<Self> {
        Arc::new(Self {
            order,
            rounds,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_on(&self) {
        let mut state = self.state();
        let mut waiting = state.waiting.iter().enumerate();
        let next = match self.order {
            Order::LeastServedFirst => waiting.min_by_key(|(_, one)| (one.whole_at, one.number)),
            Order::LastComeFirst => waiting.next_back(),
        };
        match next.map(|(place, _)| place) {
            Some(place) => state.waiting.remove(place).waker.wake(),
            None => state.is_taken = false,
        }
    }
}

/// Runs a future step by step; each waits for its turn, unless it belongs to a connection with something left of its share.
/// Needs a [`LocalRuntime`](tokio::runtime::LocalRuntime).
pub(super) async fn in_turn<F: Future>(future: F, turns: Arc<Turns>, share: Option<&Share>) -> F::Output {
    let mut future = pin!(future);
    let mut place = Place { turns, number: None };
    poll_fn(move |task| {
        let begun = Instant::now();
        if place.number.is_some() || share.is_none_or(|share| share.is_used_up(begun)) {
            ready!(place.poll_take(share.map(Share::whole_at), task));
            place.hand_on_later();
        }
        let polled = future.as_mut().poll(task);
        if let Some(share) = share {
            share.spend(begun.elapsed());
        }
        polled
    })
    .await
}

/// Runs a future as a part of a connection's share: at once, and what it takes is missing when the connection goes on. Were each
/// request of HTTP/2 to wait for a turn of its own, those of connections that have gone would be the most that wait.
pub(super) async fn counted<F: Future>(future: F, share: &Share) -> F::Output {
    let mut future = pin!(future);
    poll_fn(move |task| {
        let begun = Instant::now();
        let polled = future.as_mut().poll(task);
        share.spend(begun.elapsed());
        polled
    })
    .await
}

/// The place of one future among those that wait; none while it has nothing to wait for.
struct Place {
    turns: Arc<Turns>,
    number: Option<u64>,
}

impl Place {
    fn poll_take(&mut self, whole_at: Option<Instant>, task: &Task<'_>) -> Poll<()> {
        let mut state = self.turns.state();
        if let Some(number) = self.number {
            let place = state.waiting.iter_mut().find(|one| one.number == number);
            if let Some(place) = place {
                place.waker.clone_from(task.waker());
                return Poll::Pending;
            }
            // Who is no longer in the list was handed the turn.
            self.number = None;
            return Poll::Ready(());
        }
        if !state.is_taken {
            state.is_taken = true;
            return Poll::Ready(());
        }
        let number = state.next;
        state.next += 1;
        state.waiting.push(Waiting {
            number,
            whole_at,
            waker: task.waker().clone(),
        });
        self.number = Some(number);
        Poll::Pending
    }

    fn hand_on_later(&self) {
        let turns = Arc::clone(&self.turns);
        spawn_local(async move {
            for _ in 0..turns.rounds {
                yield_now().await;
            }
            turns.hand_on();
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(number) = self.number else {
            return;
        };
        let mut state = self.turns.state();
        let before = state.waiting.len();
        state.waiting.retain(|one| one.number != number);
        let had_the_turn = state.waiting.len() == before;
        drop(state);
        if had_the_turn {
            self.turns.hand_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::pending;
    use std::rc::Rc;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// Something dear of two steps that writes down each.
    async fn steps(name: usize, book: Rc<RefCell<Vec<usize>>>) {
        book.borrow_mut().push(name);
        yield_now().await;
        book.borrow_mut().push(name);
    }

    /// The order of the steps of four that come at once.
    async fn order(turns: &Arc<Turns>) -> Vec<usize> {
        let book = Rc::<RefCell<Vec<usize>>>::default();
        let mut all = Vec::new();
        for name in 0..4 {
            let steps = in_turn(steps(name, Rc::clone(&book)), Arc::clone(turns), None);
            all.push(spawn_local(steps));
        }
        // All others go on between two of them.
        yield_now().await;
        assert_eq!(*book.borrow(), [0]);
        for each in all {
            assert!(each.await.is_ok());
        }
        book.take()
    }

    #[tokio::test(flavor = "local", start_paused = true)]
    async fn one_step_at_a_time() {
        assert_eq!(order(&Turns::of_handshakes()).await, [0, 0, 3, 3, 2, 2, 1, 1]);
        assert_eq!(order(&Turns::of_the_busy()).await, [0, 1, 2, 3, 0, 1, 2, 3]);
    }

    #[tokio::test(flavor = "local", start_paused = true)]
    async fn who_gives_up_keeps_nobody_waiting() {
        let turns = Turns::of_handshakes();
        // Before it was handed the turn, and after.
        for rounds in [0, 4 * turns.rounds] {
            let first = spawn_local(in_turn(pending::<()>(), Arc::clone(&turns), None));
            yield_now().await;
            let mut given_up = Box::pin(in_turn(async {}, Arc::clone(&turns), None));
            assert!(futures_util::poll!(given_up.as_mut()).is_pending());
            for _ in 0..rounds {
                yield_now().await;
            }
            drop(given_up);
            let next = in_turn(async {}, Arc::clone(&turns), None);
            assert!(timeout(Duration::from_secs(1), next).await.is_ok(), "{rounds}");
            first.abort();
        }
    }

    #[tokio::test(flavor = "local", start_paused = true)]
    async fn who_has_a_share_waits_for_nobody() {
        let turns = Turns::of_the_busy();
        let _first = spawn_local(in_turn(pending::<()>(), Arc::clone(&turns), None));
        yield_now().await;
        let (fresh, used, greedy) = (Share::new(), Share::new(), Share::new());
        greedy.spend(Duration::from_secs(1));
        used.spend(Duration::from_micros(300));
        let order = RefCell::new(Vec::new());
        let note = |name| async move { name };
        let after = |name, share| {
            let (order, turns) = (&order, Arc::clone(&turns));
            async move {
                let name = in_turn(note(name), turns, Some(share)).await;
                order.borrow_mut().push(name);
            }
        };
        let (mut first, mut waits) = (Box::pin(after("greedy", &greedy)), Box::pin(after("used", &used)));
        assert!(futures_util::poll!(first.as_mut()).is_pending());
        assert!(futures_util::poll!(waits.as_mut()).is_pending());
        let mut goes_on = Box::pin(in_turn(async {}, Arc::clone(&turns), Some(&fresh)));
        assert!(futures_util::poll!(goes_on.as_mut()).is_ready());
        // Whoever has had less comes before one that came earlier.
        futures_util::future::join(first, waits).await;
        assert_eq!(*order.borrow(), ["used", "greedy"]);
    }
}
