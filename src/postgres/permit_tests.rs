//! Permits that are free, held, stuck, spare, and who waits for them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::Cell;

use futures_util::FutureExt as _;
use tokio::task::yield_now;

use super::*;

async fn scrape(permits: &Permits) -> Result<Permit, AllStuck> {
    permits.acquire(0, Purpose::Scrape, || false).await
}

#[tokio::test]
async fn one_is_always_the_probes() {
    let permits = Permits::new(3);
    let held = [scrape(&permits).await, scrape(&permits).await];
    assert!(
        scrape(&permits).now_or_never().is_none(),
        "the third is not theirs"
    );
    let probe = permits.acquire(0, Purpose::Probe, || false).await;
    let second = permits.acquire(0, Purpose::Probe, || false);
    assert!(second.now_or_never().is_none());
    assert_eq!((permits.held_by_scrapes(), permits.of_scrapes()), (2, 2));
    drop((held, probe));
    assert_eq!(permits.held_by_scrapes(), 0);
}

#[tokio::test]
async fn who_waits_gets_what_is_given_back() {
    let permits = Permits::new(2);
    let held = scrape(&permits).await;
    let give_back = async {
        yield_now().await;
        drop(held);
    };
    let (permit, ()) = tokio::join!(scrape(&permits), give_back);
    assert!(permit.is_ok());
}

/// One idle session is closed for each that waits, whenever it becomes idle.
#[tokio::test]
async fn room_is_asked_for_until_some_is_made() {
    let permits = Permits::new(2);
    let held = Cell::new(Some(scrape(&permits).await));
    let (asked, idle) = (Cell::new(0), Cell::new(false));
    let make_room = || {
        asked.set(asked.get() + 1);
        idle.get() && held.take().is_some()
    };
    let others = async {
        for _ in 0..3 {
            permits.tell_of_idle();
            yield_now().await;
        }
        idle.set(true);
        permits.tell_of_idle();
    };
    let wait = permits.acquire(0, Purpose::Scrape, make_room);
    let (permit, ()) = tokio::join!(wait, others);
    assert!(permit.is_ok());
    assert!(asked.get() > 2, "at once, in vain, and then");
}

#[tokio::test]
async fn there_may_be_more_of_them_and_fewer_again() {
    let permits = Permits::new(4);
    let mut held = vec![scrape(&permits).await, scrape(&permits).await];
    assert!(scrape(&permits).now_or_never().is_none());
    permits.set_cap(7);
    for _ in 0..3 {
        held.push(scrape(&permits).now_or_never().unwrap_or(Err(AllStuck)));
    }
    assert!(held.iter().all(Result::is_ok));
    assert!(scrape(&permits).now_or_never().is_none());
    assert_eq!((permits.held_by_scrapes(), permits.of_scrapes()), (5, 5));
    permits.set_cap(4);
    assert_eq!(permits.held_by_scrapes(), 5, "what is held is held");
    held.truncate(1);
    assert_eq!(permits.held_by_scrapes(), 1);
    held.push(scrape(&permits).await);
    assert!(scrape(&permits).now_or_never().is_none(), "two again");
    let probes = [(); 2].map(|()| permits.acquire(0, Purpose::Probe, || false).now_or_never());
    assert!(
        probes.iter().all(Option::is_some),
        "the probe's are never taken away"
    );
}

#[tokio::test]
async fn nobody_waits_for_what_is_stuck() {
    let permits = Permits::new(3);
    let held = [scrape(&permits).await, scrape(&permits).await];
    let mut stuck: Vec<_> = held.iter().flatten().map(Permit::stuck).collect();
    assert_eq!(scrape(&permits).await.err(), Some(AllStuck));
    let elsewhere = permits.acquire(1, Purpose::Scrape, || false).await;
    assert!(elsewhere.is_ok(), "the next host");
    assert!(permits.acquire(0, Purpose::Probe, || false).await.is_ok());
    stuck.pop();
    assert!(scrape(&permits).now_or_never().is_none(), "one may come back");
}

#[tokio::test]
async fn who_waits_has_one_that_is_spare_let_go() {
    let permits = Permits::new(3);
    let mut held = [scrape(&permits).await.ok(), scrape(&permits).await.ok()];
    let mut wanted = held.iter().flatten().filter_map(Permit::wanted);
    let (first, second) = (wanted.next().unwrap(), wanted.next().unwrap());
    assert!(first.wait().now_or_never().is_none(), "nobody waits");
    let let_go = async {
        first.wait().await;
        assert!(second.wait().now_or_never().is_none(), "one for each");
        held = [None, None];
    };
    let (permit, ()) = tokio::join!(scrape(&permits), let_go);
    assert!(permit.is_ok());
    assert!(second.wait().now_or_never().is_none(), "nobody waits any more");
    let probe = permits.acquire(0, Purpose::Probe, || false).await;
    assert!(probe.unwrap().wanted().is_none(), "of no use to scrapes");
}
