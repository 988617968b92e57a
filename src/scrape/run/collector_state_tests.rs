#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pg_exporter_schema::{Source, Strictness, compile};
use tokio::time::advance;

use super::*;
use crate::catalog::facts::Facts;
use crate::postgres::denied::Without;

const SECOND: Duration = Duration::from_secs(1);
const TOOK: Took = Took {
    waited: SECOND,
    at_most: SECOND,
    timed: None,
};

/// A collector with such keys, which has not run.
fn state(keys: &str) -> CollectorState {
    let yaml = format!("x:\n  query: SELECT 1 AS a\n{keys}  metrics: [ a: {{ usage: GAUGE }} ]\n");
    let outcome = compile(&[Source::new("x.yml", yaml)], Strictness::Lenient);
    let mut next = 0;
    let mut key = move || {
        next += 1;
        StatementKey(next)
    };
    let collector = Arc::new(outcome.collectors.into_iter().next().unwrap());
    let texts = Texts::new(&collector, &Facts::default());
    CollectorState::new(collector, texts, &mut key)
}

fn samples() -> Samples {
    Samples {
        series: 1,
        ..Samples::default()
    }
}

fn attempt(is_cut_short: bool) -> Attempt {
    Attempt {
        waited: Some(SECOND),
        is_cut_short,
        interval: SECOND * 10,
    }
}

fn timeout() -> Failure {
    Failure::timeout("no answer")
}

#[tokio::test(start_paused = true)]
async fn a_result_is_served_until_its_ttl_is_over() {
    let mut state = state("  ttl: 10\n");
    let start = Instant::now();
    assert!(state.is_due(start, true) && state.served(start).is_none());
    state.begin(start);
    assert!(state.is_pending(start));
    advance(SECOND).await;
    state.succeeded(samples(), start, TOOK);
    assert!(!state.is_pending(start) && state.served(start).is_some());
    for (seconds, is_due) in [(1, false), (10, false), (11, true)] {
        let later = start + SECOND * seconds;
        assert_eq!(state.is_due(later, true), is_due, "{seconds}");
        assert_eq!(state.served(later).is_none(), is_due, "{seconds}");
        assert!(state.is_due(later, false), "without a cache it is always due");
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_stays_for_max_stale_though_executions_fail() {
    let mut state = state("  ttl: 10\n  max_stale: 60\n");
    let start = Instant::now();
    state.succeeded(samples(), start, TOOK);
    advance(SECOND * 20).await;
    let second = Instant::now();
    state.failed(timeout(), second, attempt(false));
    assert!(state.served(second).is_some());
    assert_eq!(state.age(second), Some(SECOND * 20));
    assert!(state.served(start + SECOND * 61).is_none());
}

#[tokio::test(start_paused = true)]
async fn who_keeps_failing_is_asked_less_and_less() {
    let mut state = state("");
    let mut waits = Vec::new();
    for _ in 0..7 {
        let start = Instant::now();
        assert!(state.is_due(start, true));
        state.failed(timeout(), start, attempt(false));
        while !state.is_due(Instant::now(), true) {
            advance(SECOND).await;
        }
        waits.push((Instant::now() - start).as_secs());
        advance(SECOND).await;
    }
    assert_eq!(waits, [0, 15, 30, 60, 60, 60, 60]);
    state.succeeded(samples(), Instant::now(), TOOK);
    state.failed(timeout(), Instant::now(), attempt(false));
    assert!(
        state.is_due(Instant::now(), true),
        "a good one in between begins anew"
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_early_is_no_reason_to_wait() {
    let mut state = state("");
    for _ in 0..5 {
        state.failed(timeout(), Instant::now(), attempt(true));
        assert!(state.is_due(Instant::now(), true));
        advance(SECOND).await;
    }
    state.failed(timeout(), Instant::now(), attempt(false));
    assert!(state.is_due(Instant::now(), true), "those before do not count");
}

#[tokio::test(start_paused = true)]
async fn missing_objects_pause_it_until_something_changes() {
    let missing = || Failure {
        sqlstate: Some("42P01".into()),
        ..Failure::new(Reason::MissingObject, "no such table")
    };
    let mut state = state("");
    let start = Instant::now();
    state.failed(missing(), start, attempt(false));
    assert_eq!(state.state(start), "paused");
    assert!(!state.is_due(start + PAUSE - SECOND, true) && state.is_due(start + PAUSE, true));
    state.resume();
    assert!(state.is_due(start, true));
    assert_eq!(state.state(start), "failed");
}

#[tokio::test(start_paused = true)]
async fn of_two_executions_at_a_time_a_result_stands() {
    let mut state = state("");
    let first = Instant::now();
    state.begin(first);
    advance(SECOND).await;
    let second = Instant::now();
    state.begin(second);
    advance(SECOND).await;
    state.succeeded(samples(), second, TOOK);
    state.failed(timeout(), first, attempt(false));
    assert_eq!(*state.outcome(), Outcome::Good);
    assert!(state.served(first).is_some() && state.served(second).is_some());
    assert_eq!((state.stats.executions, state.stats.errors), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn another_server_forgets_the_result() {
    let mut state = state("  ttl: 100\n");
    let start = Instant::now();
    state.succeeded(samples(), start, TOOK);
    let before = state.key;
    let mut next = 100;
    state.expire(|| {
        next += 1;
        StatementKey(next)
    });
    assert!(state.key != before && state.is_due(start, true) && state.served(start).is_none());
    assert_eq!(state.stats.executions, 1, "counts stay");
}

#[tokio::test(start_paused = true)]
async fn what_came_before_an_error_is_the_result() {
    let mut state = state("  ttl: 10\n  partial: true\n");
    let start = Instant::now();
    state.succeeded(samples(), start, TOOK);
    state.cut_short(&timeout(), false);
    assert!(state.served(start).is_some() && !state.is_due(start + SECOND, true));
    assert_eq!((state.stats.executions, state.stats.errors), (1, 1));
    assert!(state.is_due(start + SECOND * 11, true));
    // A run that ended too early for it says nothing about the next one.
    advance(SECOND * 11).await;
    let second = Instant::now();
    state.succeeded(samples(), second, TOOK);
    state.cut_short(&timeout(), true);
    assert!(state.served(second).is_some() && state.is_due(second + SECOND, true));
}

/// What the collector does without, as it is found in the scrape begun at `start`.
fn deny(state: &mut CollectorState, denied: &[&str], key: u64, start: Instant) {
    let functions = Without {
        denied: denied.iter().map(|name| (*name).to_owned()).collect(),
        ..Without::default()
    };
    let reduce = |sql: &str| sql.replace('1', "NULL");
    state.deny(functions, reduce, || StatementKey(key), start);
}

fn state_with_calls() -> CollectorState {
    let mut state = state("");
    let collector = Collector {
        optional: vec!["f".into(), "g".into()].into(),
        ..(*state.collector).clone()
    };
    state.collector = Arc::new(collector);
    state
}

#[tokio::test(start_paused = true)]
async fn what_is_denied_is_asked_again_after_a_while_and_when_it_is_planned_anew() {
    let mut state = state_with_calls();
    let start = Instant::now();
    let whole = state.key;
    assert!(!state.asks_again(start + PAUSE), "nothing is denied");
    deny(&mut state, &["f"], 7, start);
    assert_eq!(
        (&*state.query, &**state.whole(), state.key, state.without().denied),
        (
            "SELECT NULL AS a",
            "SELECT 1 AS a",
            StatementKey(7),
            vec!["f".to_owned()]
        )
    );
    assert!(
        state.has_key(whole),
        "another run may be at the statement that was whole"
    );
    assert!(!state.asks_again(start + PAUSE - SECOND) && state.asks_again(start + PAUSE));
    // It is denied still: the text and what was prepared of it stay.
    deny(&mut state, &["f"], 8, start + PAUSE);
    assert_eq!(state.key, StatementKey(7));
    assert!(!state.asks_again(start + PAUSE + SECOND));
    state.resume();
    assert!(state.asks_again(start + PAUSE));
    let texts = Texts::new(&state.collector, &Facts::default());
    state.reword(texts, || StatementKey(9));
    assert_eq!(
        (state.key, state.without().len()),
        (StatementKey(7), 1),
        "the text is the same"
    );
    deny(&mut state, &["f", "g"], 10, start);
    assert_eq!((state.key, state.without().len()), (StatementKey(10), 2));
    assert!(state.has_key(StatementKey(7)) && !state.has_key(whole));
    deny(&mut state, &[], 11, start);
    assert_eq!((&*state.query, state.key), ("SELECT 1 AS a", StatementKey(11)));
    assert!(state.without().is_empty() && !state.asks_again(start + PAUSE * 2));
    deny(&mut state, &[], 12, start);
    assert_eq!(state.key, StatementKey(11));
    // Of another server nothing is known.
    state.expire(|| StatementKey(13));
    assert!(!state.has_key(StatementKey(11)) && !state.has_key(StatementKey(10)));
}

#[tokio::test(start_paused = true)]
async fn another_text_is_whole() {
    let mut state = state_with_calls();
    deny(&mut state, &["f"], 7, Instant::now());
    let texts = Texts {
        query: Text::Made("SELECT 2 AS a".into()),
        ..Texts::new(&state.collector, &Facts::default())
    };
    state.reword(texts, || StatementKey(8));
    assert_eq!((&*state.query, state.key), ("SELECT 2 AS a", StatementKey(8)));
    assert!(state.without().is_empty());
}
