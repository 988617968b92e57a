//! A program, from its beginning to its end or to somebody's patience.

use std::fmt;
use std::io::{ErrorKind, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, kill_process_group};
use zeroize::Zeroizing;

/// The bytes of a password.
pub(super) type Password = Zeroizing<Vec<u8>>;

/// How often a running one is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// How long its output may stay open once it has ended.
const FAREWELL: Duration = Duration::from_secs(1);

/// The longest password: tokens have some kilobytes.
const LONGEST: usize = 64 << 10;

/// Runs a program to its end, or until it is said why it may not go on. Nothing of what it writes is in an error: it may be a
/// password.
pub(super) fn run(
    line: &[String],
    has_to_end: impl Fn(Duration) -> Option<String>,
) -> Result<Password, String> {
    let (program, arguments) = line.split_first().ok_or("the password command is empty")?;
    let failed = |why: &dyn fmt::Display| format!("the password command {program} {why}");
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let begun = Instant::now();
    // Whatever it starts ends with it.
    let mut child = command
        .process_group(0)
        .spawn()
        .map_err(|error| failed(&format!("cannot be run: {error}")))?;
    let mut output = Output::of(&mut child);
    let status = loop {
        output.read();
        if output.is_too_long() {
            end(&mut child);
            return Err(failed(&"wrote more than 64 KiB"));
        }
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => match has_to_end(begun.elapsed()) {
                None => thread::sleep(LOOK),
                Some(why) => {
                    end(&mut child);
                    return Err(failed(&why));
                }
            },
            Err(error) => {
                end(&mut child);
                return Err(failed(&format!("cannot be waited for: {error}")));
            }
        }
    };
    let ended = Instant::now();
    while !output.read() && ended.elapsed() < FAREWELL {
        thread::sleep(LOOK);
    }
    end_group(&child);
    if !status.success() {
        return Err(failed(&format!("ended with {status}")));
    }
    output.password().map_err(|why| failed(&why))
}

/// What a program writes. It is read without waiting, and left when the program has ended: another process may hold it open for ever.
struct Output {
    pipe: Option<ChildStdout>,
    is_whole: bool,
    bytes: Password,
}

impl Output {
    fn of(child: &mut Child) -> Self {
        let pipe = child.stdout.take();
        Self {
            pipe: pipe.filter(|pipe| ioctl_fionbio(pipe, true).is_ok()),
            is_whole: false,
            // Room for a token, so that no copy of it is left where it grew.
            bytes: Zeroizing::new(Vec::with_capacity(8 << 10)),
        }
    }

    /// Reads what is there; whether that was all.
    fn read(&mut self) -> bool {
        let Some(pipe) = &mut self.pipe else {
            return false;
        };
        let mut part = Zeroizing::new([0_u8; 4 << 10]);
        while !self.is_whole && self.bytes.len() <= LONGEST {
            match pipe.read(part.as_mut_slice()) {
                Ok(0) => self.is_whole = true,
                Ok(length) => self
                    .bytes
                    .extend_from_slice(part.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.is_whole
    }

    fn is_too_long(&self) -> bool {
        self.bytes.len() > LONGEST
    }

    fn password(self) -> Result<Password, &'static str> {
        if self.is_too_long() {
            return Err("wrote more than 64 KiB");
        }
        if !self.is_whole {
            return Err("keeps its output open");
        }
        let mut password = self.bytes;
        for end in [b'\n', b'\r'] {
            if password.last() == Some(&end) {
                password.pop();
            }
        }
        if password.is_empty() {
            return Err("wrote nothing");
        }
        Ok(password)
    }
}

/// Ends it and what it started.
fn end(child: &mut Child) {
    end_group(child);
    let _ = child.kill();
    let _ = child.wait();
}

fn end_group(child: &Child) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::KILL);
    }
}
