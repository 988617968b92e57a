//! Processes: signals, CPU and memory, by the kernel's own books in `/proc`.

use std::fs;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus};
use std::time::Duration;

pub use rustix::process::Signal;
use rustix::process::{Pid, Resource, getrlimit, kill_process};

use crate::account::account;
use crate::error::{Context, Result};
use crate::template::run;
use crate::wait::poll;

/// One of the kernel's clock ticks, in which it counts CPU time: 1/100 s on every Linux architecture.
const TICK: Duration = Duration::from_millis(10);

/// CPU time, user and system, of one process with all its threads; the children are not in it. Exact to 10 ms.
/// `None` when there is no such process.
#[must_use]
pub fn cpu(pid: u32) -> Option<Duration> {
    stat(pid).map(|stat| stat.own * TICK)
}

/// CPU time of a process and of all its children, living and reaped: a whole PostgreSQL server, given its
/// postmaster.
#[must_use]
pub fn cpu_with_children(pid: u32) -> Option<Duration> {
    let living: u32 = children(pid)
        .into_iter()
        .filter_map(stat)
        .map(|stat| stat.own)
        .sum();
    stat(pid).map(|stat| (stat.own + stat.reaped_children + living) * TICK)
}

/// Resident memory in bytes.
#[must_use]
pub fn rss(pid: u32) -> Option<u64> {
    status_kib(pid, "VmRSS:")
}

/// The most that resident memory ever was, in bytes.
#[must_use]
pub fn peak_rss(pid: u32) -> Option<u64> {
    status_kib(pid, "VmHWM:")
}

/// The living children of a process.
#[must_use]
pub fn children(pid: u32) -> Vec<u32> {
    let is_child = |&candidate: &u32| stat(candidate).is_some_and(|stat| stat.parent == pid);
    all().filter(is_child).collect()
}

/// Says whether a server's process may make others: the kernel counts all of its user's.
///
/// # Errors
/// When that may not be said.
pub fn may_fork(pid: u32, may: bool) -> Result<()> {
    // A server has our own limits.
    let most = match (may, getrlimit(Resource::Nproc).current) {
        (false, _) => "1".to_owned(),
        (true, Some(most)) => most.to_string(),
        (true, None) => "unlimited".to_owned(),
    };
    let mut command = account()?.command("prlimit");
    command.args(["--pid", &pid.to_string(), &format!("--nproc={most}:")]);
    run(&mut command)
}

/// Sends a signal; a process that has gone is no error.
///
/// # Errors
/// When it may not be sent.
pub fn signal(pid: u32, signal: Signal) -> Result<()> {
    let id = i32::try_from(pid).ok().and_then(Pid::from_raw);
    match id.map(|id| kill_process(id, signal)) {
        None | Some(Ok(()) | Err(rustix::io::Errno::SRCH)) => Ok(()),
        Some(Err(error)) => Err(error).context(|| format!("sending {signal:?} to process {pid}")),
    }
}

/// The processes whose working folder is `folder` or lies in it; zombies have none.
pub(crate) fn working_in(folder: &Path) -> Vec<u32> {
    let works_there =
        |&pid: &u32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder));
    all().filter(works_there).collect()
}

fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

struct Stat {
    parent: u32,
    /// Ticks of its own.
    own: u32,
    /// Ticks of the children that it has waited for.
    reaped_children: u32,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; proc(5) counts fields from 1, and the state is the third.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u32>().ok();
    Some(Stat {
        parent: field(4)?,
        own: field(14)? + field(15)?,
        reaped_children: field(16)? + field(17)?,
    })
}

fn status_kib(pid: u32, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value
        .trim()
        .strip_suffix(" kB")?
        .parse::<u64>()
        .ok()
        .map(|kib| kib * 1024)
}

/// A child that cannot be left behind: killed, if need be, and reaped when dropped. Where the machine's first
/// process reaps none, as in many containers, a zombie would stay, and PostgreSQL takes the zombie that its
/// lock file names for a live server.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        let child = command
            .spawn()
            .context(|| format!("starting {}", command.get_program().display()))?;
        Ok(Self { child })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The pipes to it and from it; those that there are, once.
    pub(crate) fn pipes(&mut self) -> (Option<ChildStdin>, Option<ChildStdout>) {
        (self.child.stdin.take(), self.child.stdout.take())
    }

    /// The exit status, if it has ended within the time.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        poll(limit, || self.child.try_wait().ok().flatten())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already: then there is nothing to kill, and nothing to say.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
