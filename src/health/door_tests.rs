//! The fresh connection of the probe, tick by tick.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::{pending, ready};

use tokio::time::advance;

use super::*;

const EVERY: Duration = Duration::from_secs(5);
const LIMIT: Duration = Duration::from_secs(2);

fn refused() -> Result<(), Failure> {
    Err(Failure::connection("refused"))
}

/// One tick of the probe.
async fn tick(door: &mut Door, end: Result<(), Failure>) -> Option<Shut> {
    advance(Duration::from_secs(1)).await;
    door.attempt(|| ready(end));
    door.settle().await;
    door.shut()
}

#[tokio::test(start_paused = true)]
async fn it_is_tried_at_its_interval() {
    let mut door = Door::new(EVERY, LIMIT);
    let mut tries = 0;
    for _ in 0..20 {
        advance(Duration::from_secs(1)).await;
        door.attempt(|| {
            tries += 1;
            ready(Ok(()))
        });
        door.settle().await;
        assert_eq!(door.shut(), None);
    }
    assert_eq!(tries, 4);
}

/// A try takes a moment: the next is not a whole tick late for that.
#[tokio::test(start_paused = true)]
async fn at_each_tick_it_is_tried_at_each_tick() {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.tick().await;
    let mut door = Door::new(ticks.period(), LIMIT);
    let mut tries = 0;
    for _ in 0..20 {
        ticks.tick().await;
        door.attempt(|| {
            tries += 1;
            tokio::time::sleep(Duration::from_millis(3)).map(Ok)
        });
        door.settle().await;
    }
    assert_eq!(tries, 20);
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_for_a_reason_of_its_own_has_found_it_open() {
    let mut door = Door::new(Duration::ZERO, LIMIT);
    let own = || Err(Failure::connection("the password is wrong").of_our_own());
    for _ in 0..5 {
        assert_eq!(tick(&mut door, own()).await, None);
        assert!(door.is_refused());
    }
    assert_eq!(tick(&mut door, Ok(())).await, None);
    assert!(!door.is_refused());
    tick(&mut door, own()).await;
    for _ in 0..2 {
        tick(&mut door, refused()).await;
    }
    assert!(door.shut().is_some(), "what others meet counts all the same");
}

#[tokio::test(start_paused = true)]
async fn one_failure_is_tolerated_and_looked_into_at_once() {
    let mut door = Door::new(Duration::ZERO, LIMIT);
    assert_eq!(tick(&mut door, refused()).await, None);
    assert_eq!(tick(&mut door, Ok(())).await, None);
    assert_eq!(tick(&mut door, refused()).await, None, "the count begins anew");
    let shut = tick(&mut door, refused()).await.unwrap();
    assert_eq!((shut.state, &*shut.reason), (State::Down, "refused"));
    assert_eq!(
        tick(&mut door, Ok(())).await,
        None,
        "one that is answered opens it"
    );
}

#[tokio::test(start_paused = true)]
async fn a_try_that_hangs_shuts_it_and_is_the_only_one() {
    let mut door = Door::new(Duration::ZERO, LIMIT);
    let mut tries = 0;
    let mut shut = Vec::new();
    for _ in 0..5 {
        door.attempt(|| {
            tries += 1;
            pending()
        });
        advance(Duration::from_secs(1)).await;
        shut.push(door.shut().is_some());
    }
    assert_eq!((tries, shut), (1, vec![false, true, true, true, true]));
}

/// A write that hangs is given up once a minute, and another begins.
#[tokio::test(start_paused = true)]
async fn it_stays_shut_from_one_try_that_hangs_to_the_next() {
    let mut door = Door::new(EVERY, LIMIT);
    let mut open = Vec::new();
    for second in 0..600 {
        advance(Duration::from_secs(1)).await;
        door.attempt(|| tokio::time::sleep(Duration::from_secs(60)).map(|()| refused()));
        tokio::task::yield_now().await;
        open.extend(door.shut().is_none().then_some(second));
    }
    assert!(open.iter().all(|second| *second < 8), "{open:?}");
}

/// Seconds at which it is open, where tries end after so long.
async fn open(door: &mut Door, seconds: u64, takes: Duration, end: Result<(), Failure>) -> Vec<u64> {
    let mut open = Vec::new();
    for second in 0..seconds {
        advance(Duration::from_secs(1)).await;
        let end = end.clone();
        door.attempt(|| tokio::time::sleep(takes).map(move |()| end));
        tokio::task::yield_now().await;
        open.extend(door.shut().is_none().then_some(second));
    }
    open
}

/// The longer a try may take, the longer it takes to fail: it shows in time all the same, by the first or by the second.
#[tokio::test(start_paused = true)]
async fn tries_that_take_long_to_fail_have_a_bound_together() {
    for timeout in [1, 2, 3, 5, 7, 8, 10, 60] {
        let mut door = Door::new(EVERY, 6 * Duration::from_secs(timeout));
        door = door.together(Duration::from_secs(7), Duration::from_millis(5));
        let silent = Err(Failure::timeout("silent"));
        let open = open(&mut door, 60, Duration::from_secs(timeout), silent).await;
        assert!(open.iter().all(|second| *second < 14), "{timeout}: {open:?}");
    }
}

/// Where logging in takes long, as it always does, it is no failure.
#[tokio::test(start_paused = true)]
async fn what_usually_takes_long_may() {
    let slow = Duration::from_secs(9);
    let mut door = Door::new(EVERY, 6 * slow).together(Duration::from_secs(7), slow);
    assert_eq!(open(&mut door, 60, slow, Ok(())).await.len(), 60);
    // One that became slow counts as shut once.
    let mut door = Door::new(EVERY, 6 * slow).together(Duration::from_secs(7), Duration::ZERO);
    assert!((57..60).contains(&open(&mut door, 60, slow, Ok(())).await.len()));
}

#[tokio::test(start_paused = true)]
async fn it_was_opened_when_somebody_got_in() {
    let mut door = Door::new(Duration::ZERO, LIMIT);
    assert_eq!(door.since_opened(), None);
    tick(&mut door, Ok(())).await;
    assert_eq!(door.since_opened(), Some(Duration::ZERO));
    tick(&mut door, Err(Failure::connection("a limit").of_our_own())).await;
    let since = door.since_opened();
    assert_eq!(
        since,
        Some(Duration::from_secs(1)),
        "who is refused has not got in"
    );
}

/// What hangs holds the connections that there are for the probe, or all that the server has.
#[tokio::test(start_paused = true)]
async fn that_there_is_no_place_opens_nothing() {
    let no_place = [
        Failure::timeout("no connection was free").for_want_of_a_place(),
        Failure::connection("too many clients").for_want_of_a_place(),
    ];
    for no_place in no_place {
        let no_place = || Err(no_place.clone());
        let mut door = Door::new(Duration::ZERO, LIMIT);
        for _ in 0..5 {
            assert_eq!(tick(&mut door, no_place()).await, None, "nor does it shut");
            assert!(door.is_refused(), "the session that there is is not given up");
        }
        tick(&mut door, refused()).await;
        assert_eq!(
            tick(&mut door, no_place()).await,
            None,
            "one failure is tolerated"
        );
        assert!(
            tick(&mut door, refused()).await.is_some(),
            "and is not forgotten meanwhile"
        );
        for _ in 0..5 {
            assert!(tick(&mut door, no_place()).await.is_some());
        }
        assert_eq!(tick(&mut door, Ok(())).await, None);
        assert!(!door.is_refused());
    }
}

/// Its place was the last one, and somebody else has it by now.
#[tokio::test(start_paused = true)]
async fn who_hung_and_then_found_no_place_leaves_it_shut() {
    let mut door = Door::new(EVERY, LIMIT);
    let mut open = Vec::new();
    for second in 0..60 {
        advance(Duration::from_secs(1)).await;
        let no_place = || Err(Failure::connection("too many clients").for_want_of_a_place());
        let hangs = if second < 10 { LIMIT * 2 } else { Duration::ZERO };
        door.attempt(|| tokio::time::sleep(hangs).map(move |()| no_place()));
        tokio::task::yield_now().await;
        open.extend(door.shut().is_none().then_some(second));
    }
    assert!(open.iter().all(|second| *second < 8), "{open:?}");
}

/// Some peers do not know what a knock is.
#[tokio::test(start_paused = true)]
async fn a_knock_that_was_never_answered_says_nothing() {
    let mut door = Door::of_knocks(Duration::ZERO, LIMIT, false);
    assert!(!door.is_of_no_use());
    assert_eq!(tick(&mut door, refused()).await, None);
    assert_eq!(tick(&mut door, refused()).await, None);
    assert!(door.is_of_no_use());
    let mut door = Door::of_knocks(Duration::ZERO, LIMIT, false);
    assert_eq!(tick(&mut door, Ok(())).await, None);
    assert_eq!(tick(&mut door, refused()).await, None);
    assert!(tick(&mut door, refused()).await.is_some() && !door.is_of_no_use());
}

/// A peer that is frozen says nothing to what it would understand.
#[tokio::test(start_paused = true)]
async fn that_nobody_answers_the_first_knock_does_not_make_it_useless() {
    let mut door = Door::of_knocks(Duration::ZERO, LIMIT, false);
    for _ in 0..3 {
        let silent = Err(Failure::timeout("the server does not take new connections"));
        assert_eq!(tick(&mut door, silent).await, None);
        assert!(door.is_in_doubt() && !door.is_of_no_use());
    }
    tick(&mut door, Ok(())).await;
    assert!(door.has_answered() && !door.is_in_doubt());
}

/// What was answered over the session before counts, from the first knock on.
#[tokio::test(start_paused = true)]
async fn a_knock_that_was_answered_before_is_believed() {
    let mut door = Door::of_knocks(EVERY, LIMIT, true);
    door.attempt(pending);
    advance(LIMIT).await;
    assert!(door.shut().is_some() && door.is_in_doubt() && !door.is_of_no_use());
    let mut door = Door::of_knocks(Duration::ZERO, LIMIT, true);
    assert_eq!(tick(&mut door, refused()).await, None);
    assert!(tick(&mut door, refused()).await.is_some() && door.is_in_doubt());
    assert_eq!(tick(&mut door, Ok(())).await, None);
    assert!(!door.is_in_doubt());
}

#[tokio::test(start_paused = true)]
async fn it_can_be_tried_sooner_and_more_often() {
    let mut door = Door::new(EVERY, LIMIT);
    let mut tries = 0;
    for second in 0..20 {
        match second {
            2 => door.hurry(),
            12 => door.try_each(Duration::from_secs(1)),
            _ => {}
        }
        door.attempt(|| {
            tries += 1;
            ready(Ok(()))
        });
        door.settle().await;
        advance(Duration::from_secs(1)).await;
    }
    assert_eq!(tries, 2 + 8, "at 2, 7, and from 12 on");
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_opens_it() {
    let mut door = Door::new(Duration::ZERO, LIMIT);
    door.attempt(|| async {
        tokio::time::sleep(LIMIT * 2).await;
        Ok(())
    });
    door.settle().await;
    assert!(door.shut().is_some());
    advance(LIMIT * 2).await;
    tokio::task::yield_now().await;
    assert_eq!(door.shut(), None);
}

/// The next try is due an interval after the answer, whoever had it; what was hurried, or has failed, only its own tells.
#[tokio::test(start_paused = true)]
async fn anothers_answer_stands_for_its_own_as_long_as_that_would() {
    let mut door = Door::new(EVERY, LIMIT);
    let long_ago = Duration::from_secs(3);
    let mut tried = Vec::new();
    for second in 1..=12 {
        advance(Duration::from_secs(1)).await;
        let at = Instant::now();
        door.attempt_shared(|| {
            tried.push(second);
            ready(Ok(if second == 5 { at - long_ago } else { at }))
        });
        door.settle().await;
    }
    assert_eq!(tried, [5, 7, 12]);
    assert!(door.fresh() > Duration::ZERO && door.fresh() < EVERY);
    door.hurry();
    assert_eq!(door.fresh(), Duration::ZERO);
    tick(&mut door, Ok(())).await;
    assert!(door.fresh() > Duration::ZERO);
    advance(EVERY).await;
    tick(&mut door, refused()).await;
    assert_eq!(door.fresh(), Duration::ZERO);
}

/// Who asks seldom hears of a try long after its end: how long it took is how long it took.
#[tokio::test(start_paused = true)]
async fn a_try_is_timed_by_its_own_end() {
    let seldom = Duration::from_secs(10);
    let (limit, together) = (Duration::from_secs(6), Duration::from_secs(16));
    let no_place = || Failure {
        sqlstate: Some("53300".into()),
        ..Failure::connection("full")
    };
    for end in [
        Err(no_place().for_want_of_a_place()),
        Err(Failure::connection("refused")),
        Ok(()),
    ] {
        let mut door = Door::new(EVERY, limit).together(together, Duration::ZERO);
        advance(seldom).await;
        door.attempt(|| ready(end));
        tokio::task::yield_now().await;
        advance(seldom).await;
        assert_eq!(door.shut(), None);
        door.attempt(pending);
        assert_eq!(door.shut(), None, "the next one has just begun");
        assert_eq!(door.took, Duration::ZERO);
    }
}
