//! Who is next, and how many in a round.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::rc::Rc;

use futures_util::future::try_join_all;
use tokio::time::timeout;

use super::super::peer::Peer;
use super::super::per_peer::PerPeer;
use super::*;

/// A client of that number.
fn peer(number: u8) -> Peer {
    Peer::new(Some(Ipv4Addr::new(127, 0, 0, number).into()))
}

/// Something dear of two steps that writes down each.
async fn steps(name: usize, book: Rc<RefCell<Vec<usize>>>) {
    book.borrow_mut().push(name);
    yield_now().await;
    book.borrow_mut().push(name);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn one_step_at_a_time() {
    let (turns, per_peer) = (Turns::in_rounds(Duration::ZERO), Arc::<PerPeer>::default());
    let book = Rc::<RefCell<Vec<usize>>>::default();
    let run = |name| {
        let (turns, book, client) = (Arc::clone(&turns), Rc::clone(&book), per_peer.count(peer(1)));
        spawn_local(async move { in_turn(steps(name, book), turns, Claim::Handshake(&client)).await })
    };
    let all: Vec<_> = (0..4).map(run).collect();
    // All others go on between two rounds.
    yield_now().await;
    assert_eq!(*book.borrow(), [0]);
    for each in all {
        assert!(each.await.is_ok());
    }
    let mut seen = book.take();
    seen.sort_unstable();
    assert_eq!(seen, [0, 0, 1, 1, 2, 2, 3, 3]);
}

/// Who has few connections is not behind the hundreds of another; of one client's handshakes those that have done a good part are
/// first.
#[test]
fn whoever_has_few_connections_comes_first() {
    let per_peer = Arc::<PerPeer>::default();
    let flood: Vec<_> = (0..64).map(|_| per_peer.count(peer(1))).collect();
    let one = per_peer.count(peer(2));
    let handshakes = [(&one, true), (&one, false), (&flood[0], true), (&flood[1], false)];
    let weights = handshakes.map(|(client, has_begun)| Claim::Handshake(client).weight(has_begun));
    assert_eq!(weights, [0, 1, 6, 7]);
    let (light, share) = (Share::new(), Share::new());
    share.spend(Duration::from_micros(600));
    let weight = |share, client| Claim::Connection(share, client).weight(true);
    assert_eq!(weight(&share, &one), 600_000);
    assert_eq!(weight(&light, &flood[0]), 64 * weight(&light, &one));
}

/// A newcomer among the handshakes of a flood is next but for one of those that wait longest.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_newcomer_does_not_wait_for_a_flood_of_handshakes() {
    let (turns, per_peer) = (Turns::new(), Arc::<PerPeer>::default());
    let book = Rc::<RefCell<Vec<u8>>>::default();
    turns.state().take();
    let handshake = |number| {
        let (turns, book, client) = (Arc::clone(&turns), Rc::clone(&book), per_peer.count(peer(number)));
        spawn_local(async move {
            let step = async { book.borrow_mut().push(number) };
            in_turn(step, turns, Claim::Handshake(&client)).await;
        })
    };
    let flood: Vec<_> = (0..40).map(|_| handshake(1)).collect();
    let newcomer = handshake(2);
    yield_now().await;
    turns.hand_on();
    assert!(newcomer.await.is_ok());
    let place = book.borrow().iter().position(|number| *number == 2).unwrap();
    assert!(place <= 1, "{place}");
    for each in flood {
        assert!(each.await.is_ok());
    }
}

/// A step that panics hands the turn on.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_panic_keeps_nobody_waiting() {
    let (turns, per_peer) = (Turns::new(), Arc::<PerPeer>::default());
    let handshake = |step: Pin<Box<dyn Future<Output = ()>>>| {
        let (turns, client) = (Arc::clone(&turns), per_peer.count(peer(1)));
        spawn_local(async move { in_turn(step, turns, Claim::Handshake(&client)).await })
    };
    let panics = handshake(Box::pin(async { panic!("as it must") }));
    let next = handshake(Box::pin(async {}));
    assert!(panics.await.is_err_and(|error| error.is_panic()));
    assert!(timeout(Duration::from_secs(1), next).await.is_ok());
}

/// While they are short; then all others go on.
#[tokio::test(flavor = "local", start_paused = true)]
async fn many_steps_in_a_round() {
    let (turns, pauses) = (Turns::new(), Rc::<Cell<u32>>::default());
    turns.state().take();
    let took = |micros| {
        let (turns, pauses) = (Arc::clone(&turns), Rc::clone(&pauses));
        spawn_local(async move {
            let mut place = Place { turns, number: None };
            poll_fn(|task| place.poll_take(|| 0, task)).await;
            place.turns.state().spend(Duration::from_micros(micros));
            drop(Turn(&place.turns));
            pauses.get()
        })
    };
    let all = [100, 100, 100, 100].map(took);
    yield_now().await;
    let counter = Rc::clone(&pauses);
    let others = spawn_local(async move {
        loop {
            yield_now().await;
            counter.set(counter.get() + 1);
        }
    });
    turns.hand_on();
    let rounds = try_join_all(all).await.unwrap();
    others.abort();
    let first = rounds[0];
    assert_eq!(rounds[..3], [first; 3]);
    assert!(rounds[3] > first, "{rounds:?}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn who_gives_up_keeps_nobody_waiting() {
    let turns = Turns::in_rounds(Duration::ZERO);
    let client = Rc::new(Arc::<PerPeer>::default().count(peer(1)));
    // Before it was handed the turn, and after.
    for rounds in [0, 4] {
        let first = {
            let (turns, client) = (Arc::clone(&turns), Rc::clone(&client));
            spawn_local(async move { in_turn(pending::<()>(), turns, Claim::Handshake(&client)).await })
        };
        yield_now().await;
        let mut given_up = Box::pin(in_turn(async {}, Arc::clone(&turns), Claim::Handshake(&client)));
        assert!(futures_util::poll!(given_up.as_mut()).is_pending());
        for _ in 0..rounds {
            yield_now().await;
        }
        let was_handed_it = turns.state().waiting.by_number.is_empty();
        assert_eq!(was_handed_it, rounds > 0);
        drop(given_up);
        let next = in_turn(async {}, Arc::clone(&turns), Claim::Handshake(&client));
        assert!(timeout(Duration::from_secs(1), next).await.is_ok(), "{rounds}");
        first.abort();
    }
}

/// Many that are within their shares are more than there is.
#[test]
fn the_shares_of_all_have_a_bound_together() {
    let turns = Turns::new();
    let before = Instant::now();
    let (one, client) = (Share::new(), Arc::<PerPeer>::default().count(peer(1)));
    // The system gives the thread a tenth of a processor.
    let took = Took {
        processor: Duration::from_micros(15),
        whole: Duration::from_micros(150),
    };
    turns.spend(Some(&one), took, false);
    assert!(
        !turns.are_for(Claim::Connection(&one, &client), Instant::now()),
        "within its share"
    );
    for _ in 0..200 {
        turns.spend(Some(&Share::new()), took, false);
    }
    // As it was in the beginning: the machine may have other things to do meanwhile.
    assert!(
        turns.are_for(Claim::Connection(&one, &client), before)
            && turns.are_for(Claim::Connection(&Share::new(), &client), before)
    );
    let later = Instant::now() + Duration::from_secs(1);
    assert!(
        !turns.are_for(Claim::Connection(&one, &client), later),
        "it comes back"
    );
}

/// The names in the order in which they are served, each with its weight, which is also what its step takes.
async fn served(weights: &[u64]) -> Vec<usize> {
    let turns = Turns::new();
    let book = Rc::<RefCell<Vec<usize>>>::default();
    turns.state().take();
    let run = |(name, weight): (usize, &u64)| {
        let (turns, book, weight) = (Arc::clone(&turns), Rc::clone(&book), *weight);
        spawn_local(async move {
            let mut place = Place { turns, number: None };
            poll_fn(|task| place.poll_take(|| weight, task)).await;
            book.borrow_mut().push(name);
            place.turns.state().spend(Duration::from_micros(weight));
            drop(Turn(&place.turns));
        })
    };
    let all: Vec<_> = weights.iter().enumerate().map(run).collect();
    yield_now().await;
    turns.hand_on();
    for each in all {
        assert!(each.await.is_ok());
    }
    book.take()
}

/// Those whose steps are short have half of the time, and not the half of the turns; nobody waits for good.
#[tokio::test(flavor = "local", start_paused = true)]
async fn the_light_and_those_that_wait_longest_have_half_of_the_time_each() {
    let weights = [300, 300, 300, 100, 100, 100, 100, 100];
    assert_eq!(served(&weights).await, [3, 0, 4, 5, 6, 1, 7, 2]);
}

/// Requests that a step began are a part of it, though they run behind it.
#[tokio::test(flavor = "local", start_paused = true)]
async fn requests_belong_to_the_step_that_began_them() {
    let turns = Turns::new();
    let book = Rc::<RefCell<Vec<usize>>>::default();
    turns.state().take();
    let run = |(name, (weight, requests)): (usize, (u64, u64))| {
        let (turns, book) = (Arc::clone(&turns), Rc::clone(&book));
        spawn_local(async move {
            let mut place = Place { turns, number: None };
            poll_fn(|task| place.poll_take(|| weight, task)).await;
            book.borrow_mut().push(name);
            let turns = Arc::clone(&place.turns);
            spawn_local(async move { turns.state().spend(Duration::from_micros(requests)) });
            drop(Turn(&place.turns));
        })
    };
    // One that asks for much, and those that ask for little: it is paid for by its own queue.
    let all: Vec<_> = [(900, 900), (900, 900), (50, 50), (50, 50), (50, 50), (50, 50)]
        .into_iter()
        .enumerate()
        .map(run)
        .collect();
    yield_now().await;
    turns.hand_on();
    for each in all {
        assert!(each.await.is_ok());
    }
    assert_eq!(*book.borrow(), [2, 0, 3, 4, 5, 1]);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn who_has_a_share_waits_for_nobody() {
    let turns = Turns::new();
    turns.state().take();
    let (fresh, used, greedy) = (Share::new(), Share::new(), Share::new());
    let client = Arc::<PerPeer>::default().count(peer(1));
    greedy.spend(Duration::from_secs(1));
    used.spend(Duration::from_millis(1));
    used.begin_step();
    let order = RefCell::new(Vec::new());
    let note = |name| async move { name };
    let after = |name, share| {
        let (order, turns, client) = (&order, Arc::clone(&turns), &client);
        async move {
            let name = in_turn(note(name), turns, Claim::Connection(share, client)).await;
            order.borrow_mut().push(name);
        }
    };
    let (mut first, mut waits) = (Box::pin(after("greedy", &greedy)), Box::pin(after("used", &used)));
    assert!(futures_util::poll!(first.as_mut()).is_pending());
    assert!(futures_util::poll!(waits.as_mut()).is_pending());
    let mut goes_on = Box::pin(in_turn(
        async {},
        Arc::clone(&turns),
        Claim::Connection(&fresh, &client),
    ));
    assert!(futures_util::poll!(goes_on.as_mut()).is_ready());
    // Whoever asks for less comes before one that came earlier.
    turns.hand_on();
    futures_util::future::join(first, waits).await;
    assert_eq!(*order.borrow(), ["used", "greedy"]);
}
