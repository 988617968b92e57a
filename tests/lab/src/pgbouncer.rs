//! A pgbouncer in front of a cluster.

use std::path::{Path, PathBuf};

use crate::account::account;
use crate::cache::tool;
use crate::cluster::Cluster;
use crate::error::{OrFail, Result};
use crate::port::{Port, lease};
use crate::process::{Process, Signal, signal};
use crate::sandbox::Sandbox;
use crate::session::{Session, run_script};
use crate::wait::{PATIENCE, wait_until};

/// A running pgbouncer; stopped when dropped.
#[derive(Debug)]
pub struct Pgbouncer {
    port: Port,
    settings: PathBuf,
    // Dropped in this order, as in `Cluster`.
    sandbox: Sandbox,
    process: Option<Process>,
}

impl Pgbouncer {
    /// Starts pgbouncer in transaction mode: every database of the cluster under its own name, the users
    /// `postgres`, `pgbadmin` (administrator) and `pgbstats` (may look), none with a password.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn start(cluster: &Cluster) -> Self {
        Self::start_with(cluster, "")
    }

    /// As [`start`](Self::start), with more lines for the section `[pgbouncer]` of its settings.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn start_with(cluster: &Cluster, lines: &str) -> Self {
        let pgbouncer = Self::launch(cluster, lines).or_fail();
        pgbouncer.wait_for_answer();
        pgbouncer
    }

    /// Kills it, with all its connections.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again on the same port after [`kill`](Self::kill).
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn start_again(&mut self) {
        self.process = Some(run(&self.settings, &self.sandbox).or_fail());
        self.wait_for_answer();
    }

    /// Freezes it (`Signal::STOP`), or lets it go on (`Signal::CONT`).
    ///
    /// # Panics
    /// When that fails.
    #[track_caller]
    pub fn signal(&self, name: Signal) {
        if let Some(process) = &self.process {
            signal(process.id(), name).or_fail();
        }
    }

    #[track_caller]
    fn wait_for_answer(&self) {
        let answers = || run_script(&self.admin_url(), "show version").is_ok();
        wait_until("pgbouncer answers", PATIENCE, answers);
    }

    fn launch(cluster: &Cluster, lines: &str) -> Result<Self> {
        let (port, sandbox) = (lease()?, Sandbox::new()?);
        let users = sandbox.write(
            "users.txt",
            "\"postgres\" \"\"\n\"pgbadmin\" \"\"\n\"pgbstats\" \"\"\n",
        )?;
        let folder = sandbox.path().display();
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres pool_size=5\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {}\nunix_socket_dir = {folder}\n\
             auth_type = trust\nauth_file = {}\nlogfile = {folder}/log\npool_mode = transaction\n\
             admin_users = pgbadmin\nstats_users = pgbstats\n{lines}\n",
            cluster.port(),
            port.number,
            users.display()
        );
        let settings = sandbox.write("pgbouncer.ini", &settings)?;
        let process = Some(run(&settings, &sandbox)?);
        Ok(Self {
            port,
            settings,
            sandbox,
            process,
        })
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number
    }

    /// The URL of a pooled database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/{database}", self.port())
    }

    /// The URL of the admin console for a user who may only look.
    #[must_use]
    pub fn stats_url(&self) -> String {
        format!("postgresql://pgbstats@127.0.0.1:{}/pgbouncer", self.port())
    }

    /// The URL of the admin console for an administrator.
    #[must_use]
    pub fn admin_url(&self) -> String {
        format!("postgresql://pgbadmin@127.0.0.1:{}/pgbouncer", self.port())
    }

    /// A connection to a pooled database that stays open.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    #[track_caller]
    pub fn session(&self, database: &str) -> Session {
        Session::open(&self.url(database)).or_fail()
    }

    /// Runs a command of the admin console.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn admin(&self, command: &str) -> String {
        run_script(&self.admin_url(), command).or_fail()
    }
}

fn run(settings: &Path, sandbox: &Sandbox) -> Result<Process> {
    let mut command = account()?.command(tool("pgbouncer"));
    sandbox.spawn(command.arg("-q").arg(settings))
}
