//! CPU time by the scheduler's own count, in nanoseconds: a scrape takes less than the 10 ms that `/proc/PID/stat` can
//! tell apart.

use std::fs;
use std::time::Duration;

use pg_exporter_lab::process;

/// CPU time so far of a process with all its threads; those that have ended are left out. Falls back on ticks of 10 ms
/// on a kernel without scheduler statistics. Zero when there is no such process.
pub fn of_process(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let times = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    match times.sum::<u64>() {
        0 => process::cpu(pid).unwrap_or_default(),
        nanoseconds => Duration::from_nanos(nanoseconds),
    }
}

/// How often a process has begun to wait, with all its threads: each time it was woken before. The kernel calls them voluntary
/// context switches.
pub fn wakeups(pid: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let of_thread = |status: String| {
        let count = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        count.trim().parse::<u64>().ok()
    };
    let counts =
        threads.filter_map(|thread| of_thread(fs::read_to_string(thread.path().join("status")).ok()?));
    counts.sum()
}

/// CPU time so far of a server: its postmaster, all living children, and those that have ended, which the kernel counts
/// in ticks of 10 ms.
pub fn of_server(postmaster: u32) -> Duration {
    let living: Duration = process::children(postmaster).into_iter().map(of_process).sum();
    of_process(postmaster) + living + of_ended_children(postmaster)
}

fn of_ended_children(pid: u32) -> Duration {
    const TICK: Duration = Duration::from_millis(10);
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name, in parentheses, may hold anything; proc(5) has the state as field 3, the children's times as 16 and 17.
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(16 - 3).take(2);
    ticks.filter_map(|ticks| ticks.parse::<u32>().ok()).sum::<u32>() * TICK
}
