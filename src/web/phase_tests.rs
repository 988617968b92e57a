//! Each phase with its bound, on paused time.

use std::time::Duration;

use tokio::time::advance;

use super::*;

const LIMITS: Limits = Limits {
    connections: 1,
    newcomers: 1,
    pages: 1,
    held: 1,
    turn: Duration::ZERO,
    handshake: Duration::from_secs(1),
    head: Duration::from_secs(2),
    request: Duration::from_secs(3),
    idle: Duration::from_secs(100),
    write: Duration::from_secs(30),
    farewell: Duration::from_secs(1),
    drain: Duration::from_secs(10),
};

/// Seconds until the phase is over its time.
fn left(activity: &Activity) -> u64 {
    let left = activity.due(&LIMITS).saturating_duration_since(Instant::now());
    left.as_secs()
}

async fn pass(seconds: u64) {
    advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_has_its_time_from_its_first_byte() {
    let activity = Activity::new();
    pass(1).await;
    // Bytes of the first head do not begin its time anew.
    activity.read();
    assert_eq!(left(&activity), 1);
    pass(1).await;
    assert_eq!(left(&activity), 0);

    let activity = Activity::new();
    activity.asked();
    activity.answered();
    pass(60).await;
    assert_eq!(left(&activity), 40);
    activity.read();
    assert_eq!(left(&activity), 2);
    pass(1).await;
    activity.read();
    assert_eq!(left(&activity), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_the_making_has_a_deadline_of_its_own() {
    let activity = Activity::new();
    activity.asked();
    pass(1000).await;
    assert_eq!((left(&activity), activity.waiting_since()), (100, None));
    // The next request comes early: it is not begun.
    activity.read();
    assert_eq!(activity.waiting_since(), None);
    activity.answered();
    assert_eq!(left(&activity), 100);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_take_an_answer_has_its_time_for_the_whole_of_it() {
    let activity = Activity::new();
    activity.asked();
    activity.answered();
    let made = Instant::now();
    for _ in 0..5 {
        activity.wrote(false);
        pass(5).await;
        assert_eq!(activity.waiting_since(), Some((1, made)));
        activity.wrote(true);
        assert_eq!(activity.waiting_since(), Some((0, made)));
    }
    activity.wrote(false);
    assert_eq!(left(&activity), 5);
}

#[tokio::test(start_paused = true)]
async fn who_is_cut_off_in_a_request_is_read_to_its_end() {
    let ends = |steps: &[fn(&Activity)]| {
        let activity = Activity::new();
        steps.iter().for_each(|step| step(&activity));
        let unfinished = activity.ending();
        assert_eq!(left(&activity), 1);
        unfinished
    };
    assert!(ends(&[]), "a head that never came");
    assert!(!ends(&[Activity::asked, Activity::answered]));
    assert!(ends(&[Activity::asked, Activity::cut_short, Activity::answered]));
    assert!(
        ends(&[Activity::asked, Activity::awaiting_body]),
        "a body that never came"
    );
    assert!(ends(&[
        Activity::asked,
        Activity::awaiting_body,
        Activity::cut_short,
        Activity::answered
    ]));
    assert!(!ends(&[
        Activity::asked,
        Activity::awaiting_body,
        Activity::serving,
        Activity::answered
    ]));
    assert!(ends(&[
        Activity::asked,
        Activity::cut_short,
        Activity::answered,
        |activity| activity.wrote(false),
        Activity::read,
    ]));
}

#[tokio::test(start_paused = true)]
async fn requests_beside_each_other_are_counted() {
    let activity = Rc::new(Activity::new());
    activity.begin(true);
    activity.read();
    pass(1).await;
    assert_eq!(left(&activity), 1, "time for the first request");
    activity.asked();
    activity.asked();
    activity.awaiting_body();
    activity.cut_short();
    assert_eq!((left(&activity), activity.waiting_since()), (100, None));
    let sending = activity.sending();
    activity.answered();
    assert_eq!(activity.waiting_since(), None, "the other is in the making");
    let made = Instant::now();
    activity.answered();
    pass(10).await;
    activity.wrote(false);
    assert_eq!((left(&activity), activity.waiting_since()), (20, Some((1, made))));
    drop(sending);
    assert_eq!(
        (left(&activity), activity.waiting_since()),
        (100, Some((0, Instant::now())))
    );
    assert!(!activity.ending());
}

/// Whatever is asked beside it, and taken.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_taken_keeps_its_time() {
    let activity = Rc::new(Activity::new());
    activity.begin(true);
    let answer = || {
        activity.asked();
        let sending = activity.sending();
        activity.answered();
        sending
    };
    let first = answer();
    pass(10).await;
    let second = answer();
    assert_eq!(left(&activity), 20);
    drop(answer());
    activity.asked();
    assert_eq!(left(&activity), 20, "another is in the making");
    activity.answered();
    pass(15).await;
    drop(first);
    assert_eq!(left(&activity), 15, "that of the second");
    drop(second);
    assert_eq!(left(&activity), 100);
}

#[tokio::test(start_paused = true)]
async fn one_request_after_another_holds_no_answer() {
    let activity = Rc::new(Activity::new());
    activity.asked();
    assert!(activity.sending().is_none());
}
