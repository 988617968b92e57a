//! Threads for work that may hang. One that is done waits for more: hundreds of targets connect some sixty times a second, each with
//! files to look at, and to make a thread costs ten times what such a look does.
//!
//! A thread *works*, or is *idle* in the list. Whoever has work takes the last one out of the list, which then has work for sure. One
//! that was idle for [`PATIENCE`] takes itself out and ends. One that hangs is in no list: it costs itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, thread};

type Work = Box<dyn FnOnce() + Send>;

/// The most that are idle.
const MOST: usize = 4;

/// For how long one is idle: the time between two connections of a probe and as long again.
const PATIENCE: Duration = Duration::from_secs(10);

static IDLE: Mutex<Vec<Idle>> = Mutex::new(Vec::new());

/// An idle thread.
struct Idle {
    number: u64,
    more: Sender<Work>,
}

/// Does the work on a thread that has nothing else to do.
///
/// # Errors
/// When the system has no thread for it.
pub(super) fn run(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let mut work: Work = Box::new(work);
    loop {
        let idle = idle().pop();
        let Some(idle) = idle else { break };
        match idle.more.send(work) {
            Ok(()) => return Ok(()),
            Err(unsent) => work = unsent.0,
        }
    }
    thread::Builder::new()
        .name("may-hang".to_owned())
        .spawn(move || work_on(work))
        .map(drop)
}

/// The work, and what comes after it.
fn work_on(first: Work) {
    static NUMBERS: AtomicU64 = AtomicU64::new(0);
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    let (more, works) = channel();
    let mut next = Some(first);
    while let Some(work) = next {
        work();
        let mut others = idle();
        if others.len() >= MOST {
            return;
        }
        let more = more.clone();
        others.push(Idle { number, more });
        drop(others);
        next = works.recv_timeout(PATIENCE).ok().or_else(|| {
            let mut others = idle();
            let before = others.len();
            others.retain(|other| other.number != number);
            let is_taken = others.len() == before;
            drop(others);
            // Whoever took it out of the list is about to send.
            is_taken.then(|| works.recv().ok()).flatten()
        });
    }
}

fn idle() -> MutexGuard<'static, Vec<Idle>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::HashSet;
    use std::sync::Arc;
    use std::thread::ThreadId;

    use super::*;

    /// Which thread did the work, once it is done.
    fn thread_of_work() -> ThreadId {
        let (tell, told) = channel();
        run(move || tell.send(thread::current().id()).unwrap()).unwrap();
        let id = told.recv_timeout(Duration::from_secs(20)).unwrap();
        // It is about to be idle.
        thread::sleep(Duration::from_millis(5));
        id
    }

    #[test]
    fn threads_work_again() {
        let threads: HashSet<ThreadId> = (0..50).map(|_| thread_of_work()).collect();
        // Other tests use some of them meanwhile.
        assert!(threads.len() < 25, "{}", threads.len());
    }

    #[test]
    fn work_waits_for_no_other_work() {
        let hangs = Arc::new(Mutex::new(()));
        let held = hangs.lock().unwrap();
        for _ in 0..2 * MOST {
            let hangs = Arc::clone(&hangs);
            run(move || drop(hangs.lock())).unwrap();
        }
        thread_of_work();
        drop(held);
        thread_of_work();
        assert!(idle().len() <= MOST);
    }
}
