#![allow(clippy::panic, reason = "a test fails by panicking")]

use std::time::Duration;

use tokio::time::{Instant, advance};

use super::queue::{Action, Client, ClientId, Event, Queue, SHORTEST, YOUNG};
use super::run_id::RunId;
use super::selection::Selection;

const MS: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(10);

fn all() -> Selection {
    Selection::default()
}

fn only(name: &str) -> Selection {
    Selection::new([name.to_owned()], [])
}

fn asks(id: u64, selection: Selection, patience: Duration) -> Event {
    Event::Asks(Client {
        id: ClientId(id),
        selection,
        deadline: Instant::now() + patience,
    })
}

/// What a list of actions comes to: `begin 1`, `extend 1`, `answer 7 by 1`, `answer 7`.
fn words(actions: &[Action]) -> Vec<String> {
    let word = |action: &Action| match action {
        Action::Begin { run, .. } => format!("begin {}", run.id.0),
        Action::Extend { run, .. } => format!("extend {}", run.0),
        Action::Answer {
            client,
            run: Some(run),
        } => format!("answer {} by {}", client.0, run.0),
        Action::Answer { client, run: None } => format!("answer {}", client.0),
    };
    actions.iter().map(word).collect()
}

/// How long from now a run that begins may take.
fn time_of(actions: &[Action]) -> Duration {
    let end = actions.iter().find_map(|action| match action {
        Action::Begin { end, .. } | Action::Extend { end, .. } => Some(*end),
        Action::Answer { .. } => None,
    });
    let Some(end) = end else { panic!("{actions:?}") };
    end - Instant::now()
}

const NOTHING: [&str; 0] = [];

#[tokio::test(start_paused = true)]
async fn clients_of_the_same_share_a_run() {
    let mut queue = Queue::new(2);
    assert_eq!(words(&queue.handle(asks(1, all(), LONG))), ["begin 1"]);
    assert_eq!(words(&queue.handle(asks(2, all(), LONG))), NOTHING);
    advance(YOUNG * 5).await;
    // More time is given to the run.
    assert_eq!(words(&queue.handle(asks(3, all(), LONG))), ["extend 1"]);
    let answers = queue.handle(Event::Ended(RunId(1)));
    assert_eq!(
        words(&answers),
        ["answer 1 by 1", "answer 2 by 1", "answer 3 by 1"]
    );
    assert_eq!(queue.wake_at(), None);
}

#[tokio::test(start_paused = true)]
async fn a_client_in_a_hurry_does_not_cut_the_run_short() {
    for hurry in [MS, MS * 20, MS * 50, MS * 400] {
        let mut queue = Queue::new(2);
        let begun = queue.handle(asks(1, all(), hurry));
        assert_eq!(time_of(&begun), SHORTEST, "{hurry:?}");
        assert_eq!(queue.wake_at(), Some(Instant::now() + hurry));
        advance(hurry).await;
        assert_eq!(words(&queue.handle(Event::Tick)), ["answer 1 by 1"]);
        // Who comes next finds the run where it is, with all the time that it wants.
        let joined = queue.handle(asks(2, all(), LONG));
        assert_eq!(words(&joined), ["extend 1"]);
        assert_eq!(time_of(&joined), LONG - MS * 200);
        assert_eq!(words(&queue.handle(Event::Ended(RunId(1)))), ["answer 2 by 1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn some_of_a_young_run_wait_for_it_and_leave_it_when_it_is_slow() {
    let mut queue = Queue::new(2);
    queue.handle(asks(1, all(), LONG));
    advance(MS * 50).await;
    assert_eq!(words(&queue.handle(asks(2, only("a"), MS * 5000))), NOTHING);
    assert_eq!(queue.wake_at(), Some(Instant::now() + MS * 150));
    advance(MS * 150).await;
    assert_eq!(words(&queue.handle(Event::Tick)), ["begin 2"]);
    assert_eq!(words(&queue.handle(Event::Ended(RunId(2)))), ["answer 2 by 2"]);
    assert_eq!(words(&queue.handle(Event::Ended(RunId(1)))), ["answer 1 by 1"]);
}

#[tokio::test(start_paused = true)]
async fn others_wait_for_a_slot() {
    let mut queue = Queue::new(2);
    queue.handle(asks(1, only("a"), LONG));
    assert_eq!(
        words(&queue.handle(asks(2, only("b"), LONG))),
        NOTHING,
        "1 is young"
    );
    advance(YOUNG).await;
    assert_eq!(words(&queue.handle(Event::Tick)), ["begin 2"]);
    advance(YOUNG).await;
    assert_eq!(words(&queue.handle(asks(3, only("c"), LONG))), NOTHING, "no slot");
    assert_eq!(
        words(&queue.handle(Event::Ended(RunId(1)))),
        ["answer 1 by 1", "begin 3"]
    );
}

#[tokio::test(start_paused = true)]
async fn with_one_slot_nobody_leaves_a_run_of_more() {
    let mut queue = Queue::new(1);
    queue.handle(asks(1, all(), LONG));
    advance(YOUNG * 3).await;
    assert_eq!(words(&queue.handle(asks(2, only("a"), MS * 500))), NOTHING);
    assert_eq!(words(&queue.handle(Event::Tick)), NOTHING);
    advance(MS * 500).await;
    assert_eq!(words(&queue.handle(Event::Tick)), ["answer 2 by 1"]);
    assert_eq!(words(&queue.handle(Event::Ended(RunId(1)))), ["answer 1 by 1"]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_the_queue_is_answered_at_its_deadline() {
    let mut queue = Queue::new(1);
    queue.handle(asks(1, only("a"), LONG));
    queue.handle(asks(2, only("b"), MS * 300));
    advance(MS * 300).await;
    assert_eq!(words(&queue.handle(Event::Tick)), ["answer 2"]);
    // Nobody waits for it any more, so it never begins.
    assert_eq!(words(&queue.handle(Event::Ended(RunId(1)))), ["answer 1 by 1"]);
}

#[tokio::test(start_paused = true)]
async fn no_run_begins_for_clients_that_have_gone() {
    let mut queue = Queue::new(1);
    queue.handle(asks(1, only("a"), LONG));
    queue.handle(asks(2, only("b"), LONG));
    queue.handle(asks(3, only("c"), LONG));
    assert_eq!(words(&queue.handle(Event::Gone(ClientId(2)))), NOTHING);
    assert_eq!(
        words(&queue.handle(Event::Gone(ClientId(1)))),
        NOTHING,
        "its run goes on"
    );
    let next = queue.handle(Event::Ended(RunId(1)));
    assert_eq!(words(&next), ["begin 2"]);
    assert_eq!(words(&queue.handle(Event::Ended(RunId(2)))), ["answer 3 by 2"]);
    assert_eq!(
        words(&queue.handle(Event::Ended(RunId(2)))),
        NOTHING,
        "it is over"
    );
}

/// Whatever happens, nobody waits beyond a deadline, nobody is answered twice, and no more runs are on than there are slots.
#[tokio::test(start_paused = true)]
async fn random_events_keep_the_promises() {
    let random = fastrand::Rng::with_seed(7);
    let mut random = random;
    for slots in [1, 2] {
        let mut queue = Queue::new(slots);
        let mut waiting: Vec<(u64, Instant)> = Vec::new();
        let mut running: Vec<RunId> = Vec::new();
        for id in 0..4000 {
            advance(MS * random.u32(0..120)).await;
            if queue.wake_at().is_some_and(|at| at <= Instant::now()) {
                follow(&queue.handle(Event::Tick), &mut waiting, &mut running);
            }
            let event = match random.u8(0..4) {
                0 if !running.is_empty() => Event::Ended(running.swap_remove(random.usize(0..running.len()))),
                1 if !waiting.is_empty() => {
                    Event::Gone(ClientId(waiting.swap_remove(random.usize(0..waiting.len())).0))
                }
                _ => {
                    let selection = [all(), only("a"), only("b")].into_iter().nth(random.usize(0..3));
                    let patience = MS * random.u32(1..3000);
                    waiting.push((id, Instant::now() + patience));
                    asks(id, selection.unwrap_or_default(), patience)
                }
            };
            follow(&queue.handle(event), &mut waiting, &mut running);
            assert!(running.len() <= slots, "{running:?}");
            let now = Instant::now();
            assert!(waiting.iter().all(|(_, deadline)| *deadline > now), "{waiting:?}");
            assert!(running.len() == slots || queue.wake_at().is_some() || waiting.is_empty());
        }
    }
}

fn follow(actions: &[Action], waiting: &mut Vec<(u64, Instant)>, running: &mut Vec<RunId>) {
    for action in actions {
        match action {
            Action::Begin { run, .. } => running.push(run.id),
            Action::Extend { run, .. } => assert!(running.contains(run)),
            Action::Answer { client, .. } => {
                let before = waiting.len();
                waiting.retain(|(id, _)| *id != client.0);
                assert_eq!(waiting.len() + 1, before, "{client:?} was answered twice");
            }
        }
    }
}

/// What its end has cut short is missing in it.
#[tokio::test(start_paused = true)]
async fn nobody_joins_a_run_whose_time_is_over() {
    for slots in [1, 2] {
        let mut queue = Queue::new(slots);
        queue.handle(asks(1, all(), MS * 20));
        advance(SHORTEST - MS).await;
        assert_eq!(words(&queue.handle(asks(2, all(), MS))), ["answer 1 by 1"]);
        advance(MS).await;
        let late = words(&queue.handle(asks(3, all(), LONG)));
        let begun = words(&queue.handle(Event::Ended(RunId(1))));
        match slots {
            1 => assert_eq!(
                (late, begun),
                (vec!["answer 2 by 1".into()], vec!["begin 2".into()])
            ),
            _ => assert_eq!(late, ["answer 2 by 1", "begin 2"]),
        }
        let answers = queue.handle(Event::Ended(RunId(2)));
        assert_eq!(words(&answers), ["answer 3 by 2"]);
    }
}
