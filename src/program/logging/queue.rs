//! Lines on their way to standard error.
//!
//! - `patient`, at the beginning: a line that does not fit waits a while for room.
//! - `hurried`, once the exporter serves: it is dropped and counted. The program moves it there, once.
//!
//! A thread takes all that is there and writes it. It alone waits for a reader, for ever if need be; the end of the process
//! ends it.

use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use prometheus::IntCounter;

/// Bytes that may wait. As many again may be with the writer.
const MOST: usize = 1 << 20;

/// How long a line waits for room at the beginning, and the end for a writer that does not get on.
const PATIENCE: Duration = Duration::from_millis(500);

/// Time between two looks for what nobody has been told yet, while there is something.
const LOOK: Duration = Duration::from_secs(10);

/// Pause where the other end does not take anything just now, but the writer may not wait for it.
const PAUSE: Duration = Duration::from_millis(10);

/// What there is to say that no event says: lines, or nothing, and whether there is more to say later. Its argument is the number of
/// lines dropped since.
pub(super) type Reminder = Box<dyn Fn(u64) -> (Vec<u8>, bool) + Send>;

/// See the module.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    /// Counts what is dropped, once nothing waits any more.
    dropped: Option<IntCounter>,
    /// Dropped since it was said last.
    untold: u64,
    /// Whether there is something to say later that no event says.
    has_more: bool,
    /// Whether the writer has some.
    writing: bool,
    /// Pieces written so far.
    written: u64,
}

impl Queue {
    /// Starts the thread that writes.
    pub(super) fn start(output: impl Write + Send + 'static, reminder: Reminder) -> io::Result<Arc<Self>> {
        let queue = Arc::new(Self {
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let writer = Arc::clone(&queue);
        let thread = thread::Builder::new().name("log".to_owned());
        thread.spawn(move || writer.write(output, &reminder))?;
        Ok(queue)
    }

    /// Nothing waits for room any more.
    pub(super) fn hurry(&self, dropped: IntCounter) {
        let mut state = self.state();
        dropped.inc_by(state.untold);
        state.dropped = Some(dropped);
    }

    /// Takes a line.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.state();
        let fits = |state: &State| state.lines.len() + line.len() <= MOST;
        let deadline = Instant::now() + PATIENCE;
        while !fits(&state) && state.dropped.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.wait(state, left);
        }
        if fits(&state) {
            state.lines.extend_from_slice(line);
        } else {
            state.untold += 1;
            if let Some(dropped) = &state.dropped {
                dropped.inc();
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// A line was held back: that is to be said later.
    pub(super) fn holds_back(&self) {
        let had_more = mem::replace(&mut self.state().has_more, true);
        if !had_more {
            self.changed.notify_all();
        }
    }

    /// Waits until all is written, or the writer does not get on.
    pub(super) fn flush(&self) {
        let mut state = self.state();
        let mut seen = state.written;
        let mut deadline = Instant::now() + PATIENCE;
        while state.writing || !state.lines.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.wait(state, left);
            if state.written != seen {
                seen = state.written;
                deadline = Instant::now() + PATIENCE;
            }
        }
    }

    fn write(&self, mut output: impl Write, reminder: &Reminder) {
        let mut looked = Instant::now();
        loop {
            let mut state = self.state();
            while state.lines.is_empty() {
                if state.untold == 0 && !state.has_more {
                    // Nobody has anything to say: nothing wakes the thread.
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                } else if looked.elapsed() < LOOK {
                    state = self.wait(state, LOOK);
                } else {
                    break;
                }
            }
            let mut lines = mem::take(&mut state.lines);
            let untold = mem::take(&mut state.untold);
            let is_time = untold > 0 || looked.elapsed() >= LOOK;
            state.has_more &= !is_time;
            state.writing = true;
            drop(state);
            if is_time {
                looked = Instant::now();
                let (told, has_more) = reminder(untold);
                lines.extend(told);
                self.state().has_more |= has_more;
            }
            self.put(&mut output, &lines);
            self.state().writing = false;
            self.changed.notify_all();
        }
    }

    /// Writes lines piece by piece. What cannot be written is gone, like its reader.
    fn put(&self, output: &mut impl Write, mut lines: &[u8]) {
        while !lines.is_empty() {
            let piece = lines.get(..4096).unwrap_or(lines);
            match output.write(piece) {
                Ok(0) => break,
                Ok(bytes) => lines = lines.get(bytes..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // That is no getting on.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    thread::sleep(PAUSE);
                    continue;
                }
                Err(_) => break,
            }
            self.state().written += 1;
            self.changed.notify_all();
        }
        let lost = lines.iter().filter(|byte| **byte == b'\n').count();
        if let Some(dropped) = &self.state().dropped {
            dropped.inc_by(lost as u64);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        let waited = self.changed.wait_timeout(state, time);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::sync::mpsc;

    use super::*;

    /// A reader that takes what it is sent only after it was told to.
    struct Slow {
        turns: mpsc::Receiver<()>,
        taken: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Without a sender, for ever on.
            let _ = self.turns.recv();
            self.taken.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow() -> (Arc<Queue>, mpsc::Sender<()>, Arc<Mutex<Vec<u8>>>) {
        let (turn, turns) = mpsc::channel();
        let taken = Arc::default();
        let output = Slow {
            turns,
            taken: Arc::clone(&taken),
        };
        let reminder = |dropped| {
            let told = match dropped {
                0 => String::new(),
                _ => format!("{dropped} dropped\n"),
            };
            (told.into_bytes(), false)
        };
        (Queue::start(output, Box::new(reminder)).unwrap(), turn, taken)
    }

    #[test]
    fn what_nobody_takes_is_dropped_and_counted() {
        let (queue, turn, taken) = slow();
        let dropped = IntCounter::new("dropped", "Dropped.").unwrap();
        queue.hurry(dropped.clone());
        let line = [vec![b'x'; 1023], vec![b'\n']].concat();
        (0..5000).for_each(|_| queue.push(&line));
        // A part may have been with the writer before the rest came.
        let lost = dropped.get();
        assert!((5000 - 2 * 1024..=5000 - 1024).contains(&lost), "{lost}");
        queue.flush();
        drop(turn);
        while queue.state().writing || !queue.state().lines.is_empty() {
            queue.flush();
        }
        let text = String::from_utf8(taken.lock().unwrap().clone()).unwrap();
        let (told, kept): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.ends_with(" dropped"));
        assert_eq!(kept.len() as u64 + lost, 5000);
        assert!(kept.iter().all(|line| line.len() == 1023), "whole lines only");
        // In one line, or in two where the writer took the first piece in the midst of it.
        let numbers = told
            .iter()
            .filter_map(|line| line.split(' ').next()?.parse::<u64>().ok());
        assert_eq!(numbers.sum::<u64>(), lost, "{told:?}");
        assert!((1..=2).contains(&told.len()), "{told:?}");
    }

    /// A pipe that is full and does not block.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_end_waits_for_nobody_who_takes_nothing() {
        let queue = Queue::start(Full, Box::new(|_| (Vec::new(), false))).unwrap();
        queue.hurry(IntCounter::new("dropped", "Dropped.").unwrap());
        queue.push(b"a line\n");
        let begun = Instant::now();
        queue.flush();
        assert!(begun.elapsed() < PATIENCE * 10);
    }

    #[test]
    fn at_the_beginning_every_line_comes_out() {
        let (queue, turn, taken) = slow();
        drop(turn);
        let line = [vec![b'x'; 1023], vec![b'\n']].concat();
        (0..5000).for_each(|_| queue.push(&line));
        queue.flush();
        assert_eq!(taken.lock().unwrap().len(), 5000 * 1024);
    }
}
