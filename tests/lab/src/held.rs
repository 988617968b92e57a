//! One thread of a program that hangs, as in a loop without end or a call that does not return, while its others go on.
//!
//! A signal stops all threads of a process. A tracer can stop one: the test's, which needs no rights over a program that it
//! started itself.

use std::fs;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use nix::sys::ptrace;
use nix::unistd::Pid;

use crate::error::{Context, Error, OrFail, Result};
use crate::wait::{PATIENCE, poll};

/// A thread that does nothing until this is dropped.
#[derive(Debug)]
pub struct HeldThread {
    release: Option<Sender<()>>,
    /// Only the thread that stopped it may let it go on.
    tracer: Option<JoinHandle<Result<()>>>,
}

/// The names of a process' threads, in the order in which they were made.
#[must_use]
pub fn thread_names(pid: u32) -> Vec<String> {
    threads(pid).into_iter().map(|(_, name)| name).collect()
}

impl HeldThread {
    /// Stops the first thread of that name of a process.
    ///
    /// # Panics
    /// When there is none, or it does not stop.
    #[must_use]
    #[track_caller]
    pub fn hold(pid: u32, name: &str) -> Self {
        let thread = threads(pid).into_iter().find(|(_, of)| of == name);
        let Some((thread, _)) = thread else {
            panic!("process {pid} has no thread {name}, but {:?}", thread_names(pid));
        };
        let ((release, released), (tell, told)) = (channel(), channel());
        let tracer = thread::spawn(move || trace(pid, thread, &tell, &released));
        told.recv()
            .unwrap_or_else(|_| Err(Error::new("the tracer ended")))
            .or_fail();
        Self {
            release: Some(release),
            tracer: Some(tracer),
        }
    }
}

impl Drop for HeldThread {
    fn drop(&mut self) {
        drop(self.release.take());
        let end = self.tracer.take().map(JoinHandle::join);
        if let Some(Ok(Err(error))) = end
            && !thread::panicking()
        {
            panic!("{error}");
        }
    }
}

/// Stops the thread, says so, and lets it go on when it is released.
fn trace(pid: u32, thread: i32, tell: &Sender<Result<()>>, released: &Receiver<()>) -> Result<()> {
    let id = Pid::from_raw(thread);
    let stop = || -> Result<()> {
        let doing = || format!("stopping thread {thread} of process {pid}");
        ptrace::seize(id, ptrace::Options::empty()).context(doing)?;
        ptrace::interrupt(id).context(doing)?;
        poll(PATIENCE, || (state(pid, thread)? == 't').then_some(()))
            .ok_or_else(|| Error::new(format!("{} in vain", doing())))
    };
    let stopped = stop();
    let is_stopped = stopped.is_ok();
    // Who asked for it waits for that.
    let _ = tell.send(stopped);
    if !is_stopped {
        return Ok(());
    }
    // An error is that nobody holds the other end any more.
    let _ = released.recv();
    match ptrace::detach(id, None) {
        // The process has ended meanwhile.
        Err(nix::Error::ESRCH) => Ok(()),
        detached => detached.context(|| format!("letting thread {thread} of process {pid} go on")),
    }
}

fn threads(pid: u32) -> Vec<(i32, String)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    let mut threads: Vec<_> = tasks
        .filter_map(|task| {
            let path = task.ok()?.path();
            let id = path.file_name()?.to_str()?.parse().ok()?;
            let name = fs::read_to_string(path.join("comm")).ok()?;
            Some((id, name.trim_end().to_owned()))
        })
        .collect();
    threads.sort();
    threads
}

/// What the kernel says that a thread does: `t` is that a tracer has stopped it.
fn state(pid: u32, thread: i32) -> Option<char> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{thread}/stat")).ok()?;
    text.rsplit_once(')')?.1.trim_start().chars().next()
}
