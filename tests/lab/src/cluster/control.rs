//! Starting, stopping, killing and freezing a server.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::Cluster;
use crate::error::{Context, Error, OrFail, Result};
use crate::process::{self, Process, Signal, signal};
use crate::template;
use crate::wait::{PATIENCE, poll, wait_until};

impl Cluster {
    /// The postmaster's process id.
    ///
    /// # Panics
    /// When the server does not run.
    #[must_use]
    #[track_caller]
    pub fn pid(&self) -> u32 {
        let Some(pid) = self.lock().as_ref().map(Process::id) else {
            panic!("the server on port {} does not run", self.port());
        };
        pid
    }

    /// CPU time, user and system, that the server has spent since its start: postmaster, background processes
    /// and all backends, also those that have ended. Exact to 10 ms per process.
    ///
    /// # Panics
    /// When the server does not run.
    #[must_use]
    #[track_caller]
    pub fn cpu(&self) -> Duration {
        process::cpu_with_children(self.pid()).unwrap_or_default()
    }

    /// Starts the server again after [`stop`](Self::stop) or [`kill9`](Self::kill9).
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn start_again(&self) {
        self.launch().or_fail();
    }

    /// Shuts the server down, ending all its connections (a fast shutdown).
    ///
    /// # Panics
    /// When it does not end within a minute.
    #[track_caller]
    pub fn stop(&self) {
        let mut slot = self.lock();
        let Some(postmaster) = slot.as_mut() else { return };
        signal(postmaster.id(), Signal::INT).or_fail();
        if postmaster.wait(PATIENCE).is_none() {
            panic!("{}", self.failure("the server does not shut down"));
        }
        *slot = None;
    }

    /// Stops and starts the server, on the same port.
    ///
    /// # Panics
    /// As [`stop`](Self::stop) and [`start_again`](Self::start_again).
    #[track_caller]
    pub fn restart(&self) {
        self.stop();
        self.start_again();
    }

    /// Has the server read its configuration files again.
    ///
    /// # Panics
    /// When the server does not run.
    #[track_caller]
    pub fn reload(&self) {
        signal(self.pid(), Signal::HUP).or_fail();
    }

    /// Kills every process of the server at once, as a power failure would.
    ///
    /// # Panics
    /// When the server does not run.
    #[track_caller]
    pub fn kill9(&self) {
        for pid in self.all_processes() {
            signal(pid, Signal::KILL).or_fail();
        }
        *self.lock() = None;
        let gone = || process::working_in(&self.data()).is_empty();
        wait_until("every process of the server is gone", PATIENCE, gone);
    }

    /// Kills one backend with SIGKILL: the server ends all others and recovers.
    ///
    /// # Panics
    /// When the process is none of this server's.
    #[track_caller]
    pub fn kill_backend(&self, pid: u32) {
        assert!(
            process::children(self.pid()).contains(&pid),
            "process {pid} is no backend of this server"
        );
        signal(pid, Signal::KILL).or_fail();
    }

    /// Freezes the whole server: it accepts connections, by the kernel, and answers nothing.
    ///
    /// # Panics
    /// When the server does not run.
    #[track_caller]
    pub fn pause(&self) {
        // The postmaster first, so that no new child escapes.
        for pid in self.all_processes() {
            signal(pid, Signal::STOP).or_fail();
        }
    }

    /// Ends [`pause`](Self::pause).
    ///
    /// # Panics
    /// When the server does not run.
    #[track_caller]
    pub fn resume(&self) {
        for pid in self.all_processes() {
            signal(pid, Signal::CONT).or_fail();
        }
    }

    /// Makes a standby a primary, and waits until it is one.
    ///
    /// # Panics
    /// When that fails.
    #[track_caller]
    pub fn promote(&self) {
        let command = self.install.command("pg_ctl");
        command
            .and_then(|mut command| template::run(command.args(["promote", "-w", "-D"]).arg(self.data())))
            .or_fail();
        self.wait_for("select pg_is_in_recovery()", "f");
    }

    #[track_caller]
    fn all_processes(&self) -> Vec<u32> {
        let postmaster = self.pid();
        let mut all = vec![postmaster];
        all.extend(process::children(postmaster));
        all
    }

    pub(super) fn launch(&self) -> Result<()> {
        let log = self.sandbox.path().join("log");
        let output = File::options().create(true).append(true).open(&log);
        let output = output.context(|| format!("opening {}", log.display()))?;
        let errors = output
            .try_clone()
            .context(|| format!("opening {}", log.display()))?;
        let mut command = self.launcher.command(&self.install, &self.data())?;
        command
            .arg("-D")
            .arg(self.data())
            .process_group(0)
            .current_dir(self.data());
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let mut postmaster = Process::spawn(&mut command)?;
        let ready = poll(PATIENCE, || match postmaster.wait(Duration::ZERO) {
            Some(_) => Some(false),
            None => is_ready(&self.data(), postmaster.id()).then_some(true),
        });
        if ready != Some(true) {
            return Err(self.failure("the server does not start"));
        }
        *self.lock() = Some(postmaster);
        Ok(())
    }

    /// An error that ends with the log's last lines.
    pub(super) fn failure(&self, what: &str) -> Error {
        let log = self.log();
        let skip = log.lines().count().saturating_sub(15);
        let end: Vec<&str> = log.lines().skip(skip).collect();
        Error::new(format!(
            "PostgreSQL {}: {what}; the end of its log:\n{}",
            self.version(),
            end.join("\n")
        ))
    }
}

/// Whether the postmaster says in its lock file that it accepts connections: line 8, since PostgreSQL 10.
fn is_ready(data: &Path, pid: u32) -> bool {
    let text = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let mut lines = text.lines().map(str::trim);
    lines.next() == Some(pid.to_string().as_str()) && lines.nth(6) == Some("ready")
}
