//! Work that may hang, each key's on a thread for itself that others join.
//!
//! A flight is *under way* until its thread has an answer; who asks meanwhile waits for that one. One that is under way for
//! longer than [`OVERDUE`] *hangs*: the next who asks begins another beside it, as what hung may be gone (a mount that was
//! taken away). There are at most [`MOST`] of a key, so that work that hangs for ever costs so many threads and no more. A
//! flight that has *landed* is forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::threads;

/// When another flight may begin beside one that hangs.
const OVERDUE: Duration = Duration::from_secs(10);

/// The most flights of one key.
const MOST: usize = 3;

/// All flights of one kind.
#[derive(Debug)]
pub(crate) struct SingleFlight<K, V> {
    flights: Arc<Mutex<Flights<K, V>>>,
}

type Flights<K, V> = HashMap<K, Vec<Arc<Flight<V>>>>;

impl<K, V> Default for SingleFlight<K, V> {
    fn default() -> Self {
        Self {
            flights: Arc::default(),
        }
    }
}

impl<K, V> Clone for SingleFlight<K, V> {
    fn clone(&self) -> Self {
        Self {
            flights: Arc::clone(&self.flights),
        }
    }
}

/// Work that was begun.
#[derive(Debug)]
pub(crate) struct Flight<V> {
    began: Instant,
    answer: Mutex<Option<V>>,
    landed: Condvar,
    told: Notify,
}

impl<K, V> SingleFlight<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + 'static,
{
    /// Joins the flight of that key, or begins one.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub(crate) fn join(
        &self,
        key: &K,
        work: impl FnOnce() -> V + Send + 'static,
    ) -> io::Result<Arc<Flight<V>>> {
        let mut flights = lock(&self.flights);
        let of_key = flights.entry(key.clone()).or_default();
        if let Some(last) = of_key.last()
            && (last.began.elapsed() < OVERDUE || of_key.len() >= MOST)
        {
            return Ok(Arc::clone(last));
        }
        let flight = Arc::new(Flight {
            began: Instant::now(),
            answer: Mutex::default(),
            landed: Condvar::new(),
            told: Notify::new(),
        });
        of_key.push(Arc::clone(&flight));
        // The thread takes the lock when it lands, which may be at once.
        drop(flights);
        let (others, of, own) = (self.clone(), key.clone(), Arc::clone(&flight));
        let begun = threads::run(move || {
            let value = work();
            others.forget(&of, &own);
            own.land(value);
        });
        if let Err(error) = begun {
            self.forget(key, &flight);
            return Err(error);
        }
        Ok(flight)
    }

    fn forget(&self, key: &K, flight: &Arc<Flight<V>>) {
        let mut flights = lock(&self.flights);
        if let Some(of_key) = flights.get_mut(key) {
            of_key.retain(|other| !Arc::ptr_eq(other, flight));
            if of_key.is_empty() {
                flights.remove(key);
            }
        }
    }
}

impl<V> Flight<V> {
    fn land(&self, value: V) {
        *lock(&self.answer) = Some(value);
        self.landed.notify_all();
        self.told.notify_waiters();
    }
}

impl<V: Clone> Flight<V> {
    /// Its answer, if it lands within that time of its beginning: who joins one that hangs does not wait at all. Blocks the
    /// thread.
    pub(crate) fn wait(&self, patience: Duration) -> Option<V> {
        let left = (self.began + patience).saturating_duration_since(Instant::now());
        let answer = lock(&self.answer);
        let waited = self
            .landed
            .wait_timeout_while(answer, left, |answer| answer.is_none());
        let (answer, _) = waited.unwrap_or_else(PoisonError::into_inner);
        answer.clone()
    }

    /// Its answer, once it has landed.
    pub(crate) async fn landed(&self) -> V {
        loop {
            let told = self.told.notified();
            if let Some(value) = lock(&self.answer).clone() {
                return value;
            }
            told.await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn who_asks_meanwhile_joins() {
        let flights = SingleFlight::<&str, usize>::default();
        let began = Arc::new(AtomicUsize::new(0));
        let (release, held) = mpsc::channel::<()>();
        let counted = Arc::clone(&began);
        let first = flights.join(&"a", move || {
            let _ = held.recv();
            counted.fetch_add(1, Ordering::Relaxed) + 7
        });
        let second = flights.join(&"a", || 0).unwrap();
        let other = flights.join(&"b", || 1).unwrap();
        assert_eq!(other.wait(LONG), Some(1), "another key does not wait");
        assert_eq!(second.wait(Duration::ZERO), None, "it hangs");
        release.send(()).unwrap();
        assert_eq!((first.unwrap().wait(LONG), second.wait(LONG)), (Some(7), Some(7)));
        assert_eq!(began.load(Ordering::Relaxed), 1);
        assert_eq!(flights.join(&"a", || 2).unwrap().wait(LONG), Some(2), "then anew");
    }

    #[test]
    fn what_hangs_for_long_is_tried_anew_a_few_times() {
        let flights = SingleFlight::<(), usize>::default();
        let (release, held) = mpsc::channel::<()>();
        let held = Arc::new(Mutex::new(held));
        let begin = |number| {
            let held = Arc::clone(&held);
            flights
                .join(&(), move || {
                    let _ = held.lock().unwrap().recv();
                    number
                })
                .unwrap()
        };
        let age = || {
            for flights in lock(&flights.flights).values_mut() {
                for flight in flights.iter_mut() {
                    *flight = Arc::new(Flight {
                        began: flight.began.checked_sub(OVERDUE).unwrap(),
                        answer: Mutex::default(),
                        landed: Condvar::new(),
                        told: Notify::new(),
                    });
                }
            }
        };
        let count = || lock(&flights.flights).values().map(Vec::len).sum::<usize>();
        for number in 0..MOST + 2 {
            begin(number);
            begin(number);
            age();
        }
        assert_eq!(count(), MOST);
        drop(release);
    }

    #[tokio::test]
    async fn tasks_wait_without_holding_their_thread() {
        let flights = SingleFlight::<(), u8>::default();
        let (release, held) = mpsc::channel::<()>();
        let flight = flights.join(&(), move || {
            let _ = held.recv();
            3
        });
        let flight = flight.unwrap();
        let waiting = tokio::spawn(async move { flight.landed().await });
        tokio::task::yield_now().await;
        release.send(()).unwrap();
        assert_eq!(waiting.await.unwrap(), 3);
    }
}
