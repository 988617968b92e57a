//! The connections that are open, and which of them make room for one more.
//!
//! Below the cap everybody is let in. At the cap, those that have waited longest for their clients are closed; where one client has
//! more than half of all, only its own. Where all are busy, one of a crowd gives way to a client that has few: hundreds of
//! connections of one client neither keep another one out nor close those that it has.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use prometheus::IntGauge;
use tokio::task::{AbortHandle, spawn_local, yield_now};
use tokio::time::{Instant, sleep};

use super::limits::Limits;
use super::peer::Peer;
use super::phase::Activity;

/// How long a connection has only begun to wait for its client.
const GRACE: Duration = Duration::from_millis(100);

/// Time between two looks for connections that can be closed, while a flood comes in.
const LOOK_PAUSE: Duration = Duration::from_millis(2);

/// Who has so many times as many connections as another one is a crowd beside it, if that is as large a part of all that may be.
const TIMES: usize = 4;
const PART: usize = 8;

/// The connections that are open, and some that have ended since the last look.
pub(super) struct Open {
    entries: Vec<Entry>,
    /// How many of them each client has.
    of_peer: HashMap<Peer, usize>,
    /// How many have ended since the last look for them.
    ended: Rc<Cell<usize>>,
    /// How many were open at the last look for ended ones.
    seen: usize,
    /// How many of them had not only begun at the last look for room.
    settled: usize,
    /// When to look for room again: in a flood it would take most of the time.
    look: Instant,
}

struct Entry {
    task: AbortHandle,
    activity: Rc<Activity>,
    peer: Peer,
}

impl Open {
    pub(super) fn new() -> Self {
        Self {
            entries: Vec::new(),
            of_peer: HashMap::new(),
            ended: Rc::default(),
            seen: 0,
            settled: 0,
            look: Instant::now(),
        }
    }

    /// Counts a connection while it lives.
    pub(super) fn count(&self, gauge: &IntGauge) -> Counted {
        gauge.inc();
        Counted {
            gauge: gauge.clone(),
            ended: Rc::clone(&self.ended),
        }
    }

    pub(super) fn add(&mut self, task: AbortHandle, activity: Rc<Activity>, peer: Peer) {
        self.entries.push(Entry { task, activity, peer });
        *self.of_peer.entry(peer).or_default() += 1;
    }

    /// Whether one more may be opened. For its sake those that have waited longest for their clients are closed: thousands
    /// of idle clients do not keep a health check out. One that has only begun to wait is not closed, and not counted: a
    /// flood cannot close a connection between its beginning and its request. Are there too many of those, too, the next
    /// one waits until they have waited.
    pub(super) async fn make_room(&mut self, peer: Peer, limits: &Limits) -> bool {
        let deadline = Instant::now() + 2 * GRACE;
        loop {
            if self.entries.len() >= 2 * self.seen + 16 {
                self.forget_ended();
            }
            if self.entries.len() < limits.connections {
                return true;
            }
            if Instant::now() >= self.look {
                // What has arrived meanwhile is read first: this process may itself have waited for a processor.
                yield_now().await;
                others_first().await;
                self.forget_ended();
                self.close_idle(limits.connections);
            }
            if self.settled >= limits.connections {
                // Some may have ended since that look.
                self.forget_ended();
                return self.entries.len() < limits.connections
                    || self.close_one_of_a_crowd(peer, limits.connections);
            }
            if self.entries.len() < limits.connections + limits.newcomers {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            sleep(LOOK_PAUSE).await;
        }
    }

    /// Looks at each of them where one has ended, which is not done for each that comes in a flood.
    fn forget_ended(&mut self) {
        if self.ended.take() > 0 {
            let of_peer = &mut self.of_peer;
            self.entries.retain(|entry| {
                let is_over = entry.task.is_finished();
                if is_over {
                    one_less(of_peer, entry.peer);
                }
                !is_over
            });
        }
        self.seen = self.entries.len();
    }

    /// Closes as many of those that have waited for a while as are too many for one more.
    fn close_idle(&mut self, most: usize) {
        let now = Instant::now();
        let waiting = self.entries.iter().enumerate();
        let mut waiting: Vec<_> = waiting
            .filter_map(|(place, entry)| Some((entry.activity.waiting_since()?, place, entry.peer)))
            .collect();
        let is_old = |since: Instant| now >= since + GRACE;
        let young = waiting.iter().filter(|((_, since), ..)| !is_old(*since)).count();
        let majority = self.of_peer.iter().find(|(_, count)| **count > most / 2);
        waiting.retain(|((_, since), _, peer)| {
            is_old(*since) && majority.is_none_or(|(client, _)| client == peer)
        });
        waiting.sort_unstable_by_key(|(waits, place, _)| (*waits, *place));
        waiting.truncate((self.entries.len() + 1).saturating_sub(most));
        let mut places: Vec<usize> = waiting.into_iter().map(|(_, place, _)| place).collect();
        // From behind, so that those before keep their places.
        places.sort_unstable();
        for place in places.into_iter().rev() {
            self.close(place);
        }
        self.settled = self.entries.len() - young;
        self.look = now + LOOK_PAUSE;
    }

    /// Closes one connection of the client that has most, where that is a crowd beside those of the newcomer.
    fn close_one_of_a_crowd(&mut self, newcomer: Peer, most: usize) -> bool {
        let Some((peer, count)) = self.of_peer.iter().max_by_key(|(_, count)| **count) else {
            return false;
        };
        if !is_crowd(*count, self.of(newcomer), most) {
            return false;
        }
        // One of those that came last, as a rule: the others were there before it was a crowd.
        match self.entries.iter().rposition(|entry| entry.peer == *peer) {
            Some(place) => {
                self.close(place);
                self.settled = self.settled.saturating_sub(1);
                true
            }
            None => false,
        }
    }

    /// How many a client has.
    fn of(&self, peer: Peer) -> usize {
        self.of_peer.get(&peer).copied().unwrap_or_default()
    }

    fn close(&mut self, place: usize) {
        let entry = self.entries.swap_remove(place);
        one_less(&mut self.of_peer, entry.peer);
        entry.task.abort();
    }
}

/// Whether so many connections of one client are a crowd beside those of another, where so many may be open.
fn is_crowd(connections: usize, others: usize, most: usize) -> bool {
    connections >= most / PART && connections >= TIMES * (others + 1)
}

fn one_less(of_peer: &mut HashMap<Peer, usize>, peer: Peer) {
    if let Some(count) = of_peer.get_mut(&peer) {
        *count -= 1;
        if *count == 0 {
            of_peer.remove(&peer);
        }
    }
}

/// Tells when a connection has ended.
pub(super) struct Counted {
    gauge: IntGauge,
    ended: Rc<Cell<usize>>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.gauge.dec();
        self.ended.set(self.ended.get() + 1);
    }
}

/// Lets every task run that is ready to: what accepts is the runtime's main task, which would otherwise be preferred to
/// them, and in a flood open connections faster than their requests are read.
pub(super) async fn others_first() {
    let behind_them = spawn_local(async {});
    // It does not panic.
    let _ = behind_them.await;
}
