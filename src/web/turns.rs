//! What is dear takes turns: a few steps at a time, and whoever has little to do goes on in between.
//!
//! Probes are answered on the same thread as everything else that clients ask for. A handshake of TLS costs it a fraction of
//! a millisecond, and so does a block of HTTP/2 that refers 16,000 times to one field: 256 connections that come with such
//! at once would be a tenth of a second in a row. So each step of a handshake, and each step of a connection that has used
//! up its [`Share`], waits for its turn; and each step of any connection, where all together have used up theirs. Where nobody
//! else waits it has it at once. Handshakes have turns of their own: a load balancer that connects anew for each check is not behind
//! those that have connected.
//!
//! Those that wait are in two queues: one by what they ask for, one by how long they wait. Each queue has half of the time.
//! Of connections the one with the shortest steps asks for least: a probe among hundreds that ask 32 things at once is next,
//! after one step of each queue. The steps of a client with many connections count for more. Of handshakes the one whose client has
//! few connections asks for least, and of equal ones the one that has done a good part. And nobody, however much it asks, waits
//! longer than the second queue takes.
//!
//! A step is *waiting*, with a number, or *has the turn*. The one before it hands the turn on, behind the requests that it began: at
//! once while the steps of this round were short, otherwise when all others have gone on. One that is given up leaves the queues, or
//! hands the turn on.

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Task, Poll, Waker, ready};
use std::time::{Duration, Instant};

use tokio::task::{spawn_local, yield_now};

use super::per_peer::Client;
use super::share::Share;
use crate::values::thread_time;

/// Time for the steps of a round: what a probe that is within its share waits for, but for one long step, once for the busy, once for
/// handshakes, and once for connections that are accepted.
const ROUND: Duration = Duration::from_micros(250);

/// A step of a handshake that takes so long has done a good part of it; reading a few bytes has not.
const GOOD_PART: Duration = Duration::from_micros(30);

/// Who wants turns.
#[derive(Clone, Copy, Debug)]
pub(super) enum Claim<'a> {
    /// A connection of a client: only where its share is used up.
    Connection(&'a Share, &'a Client),
    /// A handshake: always.
    Handshake(&'a Client),
}

impl Claim<'_> {
    /// What orders those that wait: nanoseconds that the next step may take, so many times more as the client is larger; or the size
    /// of the client.
    fn weight(self, has_begun: bool) -> u64 {
        match self {
            Self::Connection(share, client) => {
                let nanos = u64::try_from(share.weight().as_nanos()).unwrap_or(u64::MAX);
                nanos.saturating_mul(1 << (2 * client.size()))
            }
            Self::Handshake(client) => 2 * u64::from(client.size()) + u64::from(!has_begun),
        }
    }

    fn share(&self) -> Option<&Share> {
        match self {
            Self::Connection(share, _) => Some(share),
            Self::Handshake(_) => None,
        }
    }
}

/// Whose turn it is.
#[derive(Debug)]
pub struct Turns {
    /// Time for the steps of a round; the one that goes beyond it is the last.
    round: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Whether somebody has the turn.
    is_taken: bool,
    /// What all have spent.
    all: Share,
    /// What the steps of this round have taken.
    round: Duration,
    /// What each queue has had since nobody waited.
    had: [Duration; 2],
    /// The queue of the one that has the turn.
    queue: Queue,
    /// The number of the next one that has to wait.
    next: u64,
    waiting: Waiting,
}

/// Those that wait: thousands, in a flood.
#[derive(Debug, Default)]
struct Waiting {
    /// In the order in which they came: what it asks for, and how it is woken.
    by_number: BTreeMap<u64, (u64, Waker)>,
    /// Of equals the one that waits longest is first.
    by_weight: BTreeSet<(u64, u64)>,
}

impl Waiting {
    fn add(&mut self, number: u64, weight: u64, waker: Waker) {
        self.by_number.insert(number, (weight, waker));
        self.by_weight.insert((weight, number));
    }

    fn remove(&mut self, number: u64) -> Option<Waker> {
        let (weight, waker) = self.by_number.remove(&number)?;
        self.by_weight.remove(&(weight, number));
        Some(waker)
    }

    fn longest(&self) -> Option<u64> {
        self.by_number.keys().next().copied()
    }

    fn lightest(&self) -> Option<u64> {
        self.by_weight.first().map(|(_, number)| *number)
    }
}

/// What the one that has the turn was picked by.
#[derive(Clone, Copy, Debug)]
enum Queue {
    Weight,
    Wait,
}

impl State {
    /// Whoever comes first: nobody is owed anything.
    fn take(&mut self) {
        (self.is_taken, self.had, self.queue) = (true, Default::default(), Queue::Weight);
    }

    /// Writes down what a step took, or what it left to do.
    fn spend(&mut self, time: Duration) {
        self.round = self.round.saturating_add(time);
        let [by_weight, by_wait] = &mut self.had;
        let had = match self.queue {
            Queue::Weight => by_weight,
            Queue::Wait => by_wait,
        };
        *had = had.saturating_add(time);
    }

    /// The queue that has had less.
    fn next_queue(&self) -> Queue {
        let [by_weight, by_wait] = self.had;
        if by_wait < by_weight {
            Queue::Wait
        } else {
            Queue::Weight
        }
    }
}

impl Turns {
    /// Turns that nobody waits for yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Self::in_rounds(ROUND)
    }

    fn in_rounds(round: Duration) -> Arc<Self> {
        Arc::new(Self {
            round,
            state: Mutex::new(State {
                is_taken: false,
                all: Share::of_all(),
                round: Duration::ZERO,
                had: Default::default(),
                queue: Queue::Weight,
                next: 0,
                waiting: Waiting::default(),
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it goes on only when it is its turn.
    fn are_for(&self, claim: Claim<'_>, now: Instant) -> bool {
        let is_within = |share: &Share| !share.is_used_up(now) && !self.state().all.is_used_up(now);
        !claim.share().is_some_and(is_within)
    }

    /// Writes down what a step took, in its turn or without one.
    fn spend(&self, share: Option<&Share>, took: Took, is_turn: bool) {
        let mut state = self.state();
        if let Some(share) = share {
            share.spend(took.processor);
            state.all.spend(took.whole);
        }
        if is_turn {
            state.spend(took.processor);
        }
    }

    fn hand_on(&self) {
        let mut state = self.state();
        let queue = state.next_queue();
        state.queue = queue;
        let waiting = &mut state.waiting;
        let next = match queue {
            Queue::Wait => waiting.longest(),
            Queue::Weight => waiting.lightest(),
        };
        match next.and_then(|number| waiting.remove(number)) {
            Some(waker) => waker.wake(),
            None => state.is_taken = false,
        }
    }
}

/// Runs a future step by step; each waits for its turn, unless it belongs to a connection with something left of its share.
/// Needs a [`LocalRuntime`](tokio::runtime::LocalRuntime).
pub(super) async fn in_turn<F: Future>(future: F, turns: Arc<Turns>, claim: Claim<'_>) -> F::Output {
    let mut future = pin!(future);
    let mut place = Place { turns, number: None };
    let mut has_begun = false;
    poll_fn(move |task| {
        let now = Instant::now();
        let turn = if place.number.is_some() || place.turns.are_for(claim, now) {
            ready!(place.poll_take(|| claim.weight(has_begun), task));
            Some(Turn(&place.turns))
        } else {
            None
        };
        if let Some(share) = claim.share() {
            share.begin_step();
        }
        let begun = Begun::now();
        let polled = future.as_mut().poll(task);
        let took = begun.took();
        has_begun |= took.processor >= GOOD_PART;
        place.turns.spend(claim.share(), took, turn.is_some());
        drop(turn);
        polled
    })
    .await
}

/// Runs a future as a part of a connection's share: at once, and what it takes is missing when the connection goes on. Were each
/// request of HTTP/2 to wait for a turn of its own, those of connections that have gone would be the most that wait.
pub(super) async fn counted<F: Future>(future: F, turns: &Turns, share: &Share) -> F::Output {
    let mut future = pin!(future);
    poll_fn(move |task| {
        let begun = Begun::now();
        let polled = future.as_mut().poll(task);
        turns.spend(Some(share), begun.took(), true);
        polled
    })
    .await
}

/// What a step took.
#[derive(Clone, Copy, Debug)]
struct Took {
    /// Without the time for which the system let others go first: what the step asks for.
    processor: Duration,
    /// With it: all connections together need most of the thread also where the system gives it little.
    whole: Duration,
}

/// When a step began.
struct Begun {
    processor: Duration,
    at: Instant,
}

impl Begun {
    fn now() -> Self {
        Self {
            processor: thread_time(),
            at: Instant::now(),
        }
    }

    fn took(&self) -> Took {
        Took {
            processor: thread_time().saturating_sub(self.processor),
            whole: self.at.elapsed(),
        }
    }
}

/// The place of one future among those that wait; none while it has nothing to wait for.
struct Place {
    turns: Arc<Turns>,
    number: Option<u64>,
}

impl Place {
    fn poll_take(&mut self, weight: impl FnOnce() -> u64, task: &Task<'_>) -> Poll<()> {
        let mut state = self.turns.state();
        if let Some(number) = self.number {
            if let Some((_, waker)) = state.waiting.by_number.get_mut(&number) {
                waker.clone_from(task.waker());
                return Poll::Pending;
            }
            // Who is no longer in the list was handed the turn.
            self.number = None;
            return Poll::Ready(());
        }
        if !state.is_taken {
            state.take();
            return Poll::Ready(());
        }
        let number = state.next;
        state.next += 1;
        state.waiting.add(number, weight(), task.waker().clone());
        self.number = Some(number);
        Poll::Pending
    }
}

/// The turn, while a step takes it. It is handed on also where the step panics.
struct Turn<'a>(&'a Arc<Turns>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let turns = Arc::clone(self.0);
        // Requests of HTTP/2 that the step began run before this does, and belong to it.
        spawn_local(async move {
            if turns.state().round >= turns.round {
                yield_now().await;
                turns.state().round = Duration::ZERO;
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
        let had_the_turn = state.waiting.remove(number).is_none();
        drop(state);
        if had_the_turn {
            self.turns.hand_on();
        }
    }
}

#[cfg(test)]
#[path = "turns_tests.rs"]
mod tests;
