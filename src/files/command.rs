//! Programs that write a password, such as a cloud's token: run where nobody waits for them, and not more often than needed.
//!
//! What is known of a command line is in one of three states. *Nothing*: whoever asks waits, within bounds, for its first
//! run. *Good*: a password that is younger than its ttl; from three quarters of that on it is renewed in the background while the old one
//! is used. *Failed*: the last run yielded nothing; until its ttl is over the last password is used all the same, and another
//! run begins some seconds later. A few threads run what is queued, and end when nothing is.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use zeroize::Zeroizing;

/// Programs that run at the same time.
const MOST: usize = 4;

/// What one may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Between a failed run and the next.
const REST: Duration = Duration::from_secs(5);

/// How often a running one is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// The longest password: tokens have some kilobytes.
const LONGEST: u64 = 64 << 10;

/// A program and its arguments.
type Line = Vec<String>;

/// The bytes of a password.
type Password = Zeroizing<Vec<u8>>;

/// Runs programs, and remembers what they wrote; clones share it.
#[derive(Clone, Default)]
pub struct Commands(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    known: HashMap<Line, Known>,
    queue: VecDeque<Line>,
    threads: usize,
}

/// What is known of one.
#[derive(Default)]
struct Known {
    ttl: Duration,
    /// The last password, and when its run began.
    good: Option<(Password, Instant)>,
    /// Why the last run failed, and when.
    failed: Option<(String, Instant)>,
    /// Whether a run is queued, or on.
    is_pending: bool,
}

impl Known {
    fn age(&self) -> Option<Duration> {
        self.good.as_ref().map(|(_, began)| began.elapsed())
    }

    /// The password, while it is good.
    fn password(&self) -> Option<Password> {
        let is_good = self.age().is_some_and(|age| age < self.ttl);
        self.good
            .as_ref()
            .filter(|_| is_good)
            .map(|(password, _)| password.clone())
    }

    fn is_to_be_renewed(&self) -> bool {
        let is_old = self.age().is_none_or(|age| age >= self.ttl.mul_f64(0.75));
        let rests = self.failed.as_ref().is_some_and(|(_, at)| at.elapsed() < REST);
        is_old && !rests && !self.is_pending
    }

    /// Whether nobody will ask for it again: its target is gone.
    fn is_forgotten(&self) -> bool {
        let is_old = |at: Instant| at.elapsed() > self.ttl.saturating_mul(2) + Duration::from_secs(600);
        let last = self
            .good
            .as_ref()
            .map(|(_, at)| *at)
            .max(self.failed.as_ref().map(|(_, at)| *at));
        !self.is_pending && last.is_some_and(is_old)
    }
}

impl Commands {
    /// The password that the program writes, or wrote within `ttl`. Blocks the thread for `patience` at most.
    ///
    /// # Errors
    /// Why there is none, without anything that the program wrote.
    pub fn password(&self, line: &[String], ttl: Duration, patience: Duration) -> Result<Password, String> {
        let until = Instant::now() + patience;
        let mut state = self.state();
        let known = state.known.entry(line.to_vec()).or_default();
        known.ttl = ttl;
        if known.is_to_be_renewed() {
            known.is_pending = true;
            state.queue.push_back(line.to_vec());
            state.known.retain(|_, known| !known.is_forgotten());
            self.begin(&mut state);
        }
        loop {
            let Some(known) = state.known.get(line) else {
                return Err("the password command was forgotten".to_owned());
            };
            if let Some(password) = known.password() {
                return Ok(password);
            }
            if !known.is_pending {
                // A ttl that is shorter than a run: nothing fresher is to be had.
                return match (&known.failed, &known.good) {
                    (Some((reason, _)), _) => Err(reason.clone()),
                    (None, Some((password, _))) => Ok(password.clone()),
                    (None, None) => Err("the password command was not run".to_owned()),
                };
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(format!(
                    "the password command has not answered within {patience:.1?}"
                ));
            }
            let waited = self.0.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another thread, where there are few.
    fn begin(&self, state: &mut State) {
        if state.threads >= MOST {
            return;
        }
        let commands = self.clone();
        let thread = thread::Builder::new().name("password".to_owned());
        if thread.spawn(move || commands.work()).is_ok() {
            state.threads += 1;
        }
    }

    /// Runs what is queued.
    fn work(&self) {
        loop {
            let mut state = self.state();
            let Some(line) = state.queue.pop_front() else {
                state.threads -= 1;
                return;
            };
            drop(state);
            let began = Instant::now();
            let outcome = run(&line);
            let mut state = self.state();
            let known = state.known.entry(line).or_default();
            known.is_pending = false;
            match outcome {
                Ok(password) => (known.good, known.failed) = (Some((password, began)), None),
                Err(reason) => {
                    let has_one = if known.password().is_some() {
                        "; the last one is used until its ttl is over"
                    } else {
                        ""
                    };
                    tracing::warn!("{reason}{has_one}");
                    known.failed = Some((reason, Instant::now()));
                }
            }
            drop(state);
            self.0.changed.notify_all();
        }
    }
}

/// Runs a program to its end. Nothing of what it writes is in an error: it may be a password.
fn run(line: &[String]) -> Result<Password, String> {
    let (program, arguments) = line.split_first().ok_or("the password command is empty")?;
    let failed = |why: &dyn fmt::Display| format!("the password command {program} {why}");
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    // Whatever it starts ends with it.
    let mut child = command
        .process_group(0)
        .spawn()
        .map_err(|error| failed(&format!("cannot be run: {error}")))?;
    let output = output(&mut child);
    let end = Instant::now() + DEADLINE;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < end => thread::sleep(LOOK),
            Ok(None) | Err(_) => {
                end_group(&child);
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(&format!("did not end within {DEADLINE:?}")));
            }
        }
    };
    let output = output.and_then(|output| output.recv_timeout(Duration::from_secs(1)).ok());
    end_group(&child);
    if !status.success() {
        return Err(failed(&format!("ended with {status}")));
    }
    let mut password = output.ok_or_else(|| failed(&"keeps its output open"))?;
    if password.len() as u64 > LONGEST {
        return Err(failed(&"wrote more than 64 KiB"));
    }
    for end in [b'\n', b'\r'] {
        if password.last() == Some(&end) {
            password.pop();
        }
    }
    if password.is_empty() {
        return Err(failed(&"wrote nothing"));
    }
    Ok(password)
}

/// What it writes, read on a thread of its own: another process may hold its output open for ever.
fn output(child: &mut Child) -> Option<Receiver<Password>> {
    let stdout = child.stdout.take()?;
    let (sender, receiver) = channel();
    let read = move || {
        // Room for a token, so that no copy of it is left where it grew.
        let mut bytes = Zeroizing::new(Vec::with_capacity(8 << 10));
        if stdout.take(LONGEST + 1).read_to_end(&mut bytes).is_ok() {
            let _ = sender.send(bytes);
        }
    };
    thread::Builder::new()
        .name("password-out".to_owned())
        .spawn(read)
        .ok()?;
    Some(receiver)
}

fn end_group(child: &Child) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Commands")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(15);
    const TTL: Duration = Duration::from_secs(600);

    fn line(words: &[&str]) -> Line {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn ask(words: &[&str]) -> Result<String, String> {
        let password = Commands::default().password(&line(words), TTL, PATIENCE)?;
        Ok(String::from_utf8(password.to_vec()).unwrap())
    }

    #[test]
    fn a_line_is_a_password_and_no_shell_reads_it() {
        assert_eq!(ask(&["printf", "a b\n"]).unwrap(), "a b");
        assert_eq!(ask(&["printf", "%s", "$HOME;`id`"]).unwrap(), "$HOME;`id`");
    }

    #[test]
    fn a_failure_says_which_program_and_nothing_of_what_it_wrote() {
        let table = [
            (
                &["sh", "-c", "echo s3cret; echo s3cret >&2; exit 3"][..],
                "ended with exit status: 3",
            ),
            (&["true"][..], "wrote nothing"),
            (&["/no/such/program"][..], "cannot be run"),
        ];
        for (words, expected) in table {
            let error = ask(words).unwrap_err();
            assert!(error.contains(expected) && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn one_run_serves_all_until_it_is_old() {
        let commands = Commands::default();
        let clock = line(&["date", "+%s%N"]);
        let ask = |ttl| commands.password(&clock, ttl, PATIENCE).unwrap();
        let first = ask(TTL);
        assert_eq!(ask(TTL), first);
        assert_ne!(ask(Duration::from_nanos(1) + Duration::from_millis(1)), first);
    }

    #[test]
    fn many_that_hang_are_few_processes() {
        let commands = Commands::default();
        let begin = Instant::now();
        for number in 0..20 {
            let slow = line(&["sleep", &format!("5.{number:03}")]);
            let error = commands
                .password(&slow, TTL, Duration::from_millis(1))
                .unwrap_err();
            assert!(error.contains("has not answered"), "{error}");
        }
        assert_eq!(commands.state().threads, MOST);
        assert!(
            begin.elapsed() < Duration::from_secs(5),
            "nobody waits for longer than he said"
        );
    }
}
