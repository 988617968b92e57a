//! A folder for one fixture, and a watchdog that clears it away.
//!
//! Every process of a fixture works in its folder. The watchdog is a small shell that reads from a pipe of
//! the test process; at the pipe's end it stops whatever works in the folder, and removes it. The end comes
//! when the value is dropped, and as surely when the test process exits without dropping it (statics) or is
//! killed.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::account::{account, clear_environment, located};
use crate::error::{Context, Error, Result};
use crate::process::{Process, Signal, signal, working_in};
use crate::wait::poll;

/// A path longer than this leaves no room for a socket's name: the kernel allows 107 bytes in all.
const LONGEST_PATH: usize = 80;

/// The folder of one fixture.
#[derive(Debug)]
pub(crate) struct Sandbox {
    folder: PathBuf,
    watchdog: Child,
}

impl Sandbox {
    /// Makes a folder that the servers' user owns.
    pub(crate) fn new() -> Result<Self> {
        let folder = make_folder()?;
        let mut command = Command::new(located("sh".as_ref()));
        clear_environment(&mut command);
        // A group of its own: neither Ctrl-C nor a test runner that kills the group may end it early.
        command.process_group(0).current_dir("/");
        // By its environment, so that lists of processes stay readable.
        command.env("WATCHDOG", include_str!("watchdog.sh"));
        command.args(["-c", "eval \"$WATCHDOG\"", "watchdog"]);
        command.arg(&folder);
        let watchdog = command
            .stdin(Stdio::piped())
            .spawn()
            .context(|| "starting sh".into())?;
        account()?.give(&folder)?;
        Ok(Self { folder, watchdog })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Starts what works in the folder until it is told to end.
    pub(crate) fn spawn(&self, command: &mut Command) -> Result<Process> {
        command
            .stdin(Stdio::null())
            .process_group(0)
            .current_dir(&self.folder);
        Process::spawn(command)
    }

    /// Writes a file that the servers' user owns and nobody else reads.
    pub(crate) fn write(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        write_private(&path, content)?;
        Ok(path)
    }

    /// Stops what works in the folder and removes it, as the watchdog would, without its programs: a suite has hundreds of
    /// fixtures. What is mounted, and the shared memory of a server that was killed, is left to the watchdog.
    fn clear(&self) {
        let lock = self.folder.join("data/postmaster.pid");
        if is_mounted_in(&self.folder) {
            return;
        }
        if lock.exists() {
            self.end(Signal::QUIT);
        }
        if self.end(Signal::KILL) && !lock.exists() {
            // What cannot be removed is the watchdog's.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }

    /// Whether nothing works in the folder any more, soon after a signal.
    fn end(&self, how: Signal) -> bool {
        let mut is_first = true;
        let is_gone = || {
            let workers = working_in(&self.folder);
            for &pid in &workers {
                // It may have gone meanwhile. One that is frozen hears nothing but the last.
                if is_first || how == Signal::KILL {
                    let _ = signal(pid, how);
                }
                let _ = signal(pid, Signal::CONT);
            }
            is_first = false;
            workers.is_empty().then_some(())
        };
        poll(Duration::from_secs(5), is_gone).is_some()
    }
}

/// Writes a file that only the servers' user may read, as PostgreSQL demands of keys.
pub(crate) fn write_private(path: &Path, content: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, content)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o600)))
        .context(|| format!("writing {}", path.display()))?;
    account()?.give(path)
}

/// `TMPDIR` when it is set, else shared memory where there is plenty: a new data folder of some 40 MB takes
/// 0.1 s there, on a disk a second.
fn parent() -> Result<PathBuf> {
    let memory = Path::new("/dev/shm");
    if std::env::var_os("TMPDIR").is_none() && is_roomy(memory) {
        return Ok(memory.into());
    }
    let folder = fs::canonicalize(std::env::temp_dir()).context(|| "the temporary folder (TMPDIR)".into())?;
    let fits = folder.as_os_str().len() + 20 <= LONGEST_PATH;
    Ok(if fits { folder } else { "/tmp".into() })
}

fn is_roomy(folder: &Path) -> bool {
    const ENOUGH: u64 = 4 << 30;
    let free = rustix::fs::statvfs(folder).map_or(0, |status| status.f_bavail * status.f_frsize);
    free >= ENOUGH && rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
}

fn make_folder() -> Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let parent = parent()?;
    for _ in 0..1000 {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = parent.join(format!("pgx-{}-{number}", std::process::id()));
        match DirBuilder::new().mode(0o700).create(&folder) {
            // A process of the same id, long gone, may have left one.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            made => {
                return made
                    .context(|| format!("creating {}", folder.display()))
                    .map(|()| folder);
            }
        }
    }
    Err(Error::new(format!(
        "{} is full of old pgx-* folders: remove them",
        parent.display()
    )))
}

fn is_mounted_in(folder: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut places = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    places.any(|place| Path::new(place).starts_with(folder))
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.clear();
        drop(self.watchdog.stdin.take());
        // The watchdog is a child like others; how it ended interests nobody now.
        let _ = self.watchdog.wait();
    }
}
