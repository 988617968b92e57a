//! A PostgreSQL server of one's own.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::cache::{Install, install};
use crate::copy;
use crate::error::{Context, Error, OrFail, Result};
use crate::port::{Port, lease};
use crate::process::{self, Process, Signal, signal};
use crate::sandbox::{Sandbox, write_private};
use crate::session::{Session, run_script};
use crate::template;
use crate::wait::{PATIENCE, poll, wait_until};

/// A running primary or standby; stopped and removed when dropped.
///
/// Everyone may connect from 127.0.0.1 without a password, the superuser is `postgres`. The methods that take
/// `&self` may be called from several threads.
#[derive(Debug)]
pub struct Cluster {
    install: Install,
    port: Port,
    // Dropped in this order: the watchdog stops the server, then the postmaster is reaped.
    sandbox: Sandbox,
    postmaster: Mutex<Option<Process>>,
}

/// What to start.
#[derive(Clone, Debug)]
pub struct Builder {
    major: u32,
    settings: Vec<(String, String)>,
}

/// A primary of a major that all tests of this process share: for tests that change nothing but databases of
/// their own.
///
/// # Panics
/// When it does not start.
#[track_caller]
pub fn shared(major: u32) -> &'static Cluster {
    static CLUSTERS: [OnceLock<Cluster>; 32] = [const { OnceLock::new() }; 32];
    let Some(slot) = usize::try_from(major).ok().and_then(|major| CLUSTERS.get(major)) else {
        panic!("there is no PostgreSQL {major}");
    };
    slot.get_or_init(|| Cluster::start(major))
}

impl Builder {
    /// A setting for `postgresql.conf`, of the primary or of the standby.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Starts a primary.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn start(&self) -> Cluster {
        self.try_start().or_fail()
    }

    /// Starts a primary.
    ///
    /// # Errors
    /// When the major is not in the cache, or the server does not start; with the end of its log.
    pub fn try_start(&self) -> Result<Cluster> {
        let cluster = self.prepare()?;
        template::instantiate(&cluster.install, &cluster.data())?;
        cluster.write_settings("primary", &self.settings)?;
        cluster.launch()?;
        Ok(cluster)
    }

    /// Starts a standby that streams from `upstream` through a slot of its own, and is up to date with it.
    ///
    /// # Panics
    /// When it does not start or does not stream.
    #[must_use]
    #[track_caller]
    pub fn start_standby_of(&self, upstream: &Cluster) -> Cluster {
        self.try_standby(upstream).or_fail()
    }

    fn try_standby(&self, upstream: &Cluster) -> Result<Cluster> {
        let standby = self.prepare()?;
        let name = format!("standby_{}", standby.port());
        copy::slot(upstream, &name)?;
        copy::files(upstream, &standby.data())?;
        copy::follow(&standby.data(), self.major, upstream.port(), &name)?;
        standby.write_settings(&name, &self.settings)?;
        standby.launch()?;
        let streams = "select count(*) from pg_stat_wal_receiver where status = 'streaming'";
        if poll(PATIENCE, || {
            (standby.try_psql("postgres", streams).ok()? == "1").then_some(())
        })
        .is_none()
        {
            return Err(standby.failure("the standby does not stream"));
        }
        Ok(standby)
    }

    fn prepare(&self) -> Result<Cluster> {
        Ok(Cluster {
            install: install(self.major)?,
            port: lease()?,
            sandbox: Sandbox::new()?,
            postmaster: Mutex::new(None),
        })
    }
}

impl Cluster {
    /// What to start, with the lab's settings.
    #[must_use]
    pub fn builder(major: u32) -> Builder {
        Builder {
            major,
            settings: Vec::new(),
        }
    }

    /// A primary with the lab's settings: logical WAL, `pg_stat_statements` preloaded (the extension is not
    /// created), I/O timing and functions tracked, `fsync` off.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn start(major: u32) -> Self {
        Self::builder(major).start()
    }

    /// A standby of this server, be it a primary or a standby itself.
    ///
    /// # Panics
    /// As [`Builder::start_standby_of`].
    #[must_use]
    #[track_caller]
    pub fn standby(&self) -> Self {
        Self::builder(self.major()).start_standby_of(self)
    }

    /// Major version.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.install.major
    }

    /// Version and origin of the server, e.g. `15.18, installed by the distribution`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.install.version
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number
    }

    /// A connection URL for a database, as `postgres`; without `sslmode`.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/{database}", self.port())
    }

    /// The folder of the unix socket.
    #[must_use]
    pub fn socket_folder(&self) -> &Path {
        self.sandbox.path()
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.sandbox.path().join("data")
    }

    /// Writes a file into the data folder, such as `pg_hba.conf` or a key; tell the server with
    /// [`reload`](Self::reload) or [`restart`](Self::restart).
    ///
    /// # Panics
    /// When it cannot be written.
    #[track_caller]
    pub fn write_file(&self, name: &str, content: &str) {
        write_private(&self.data().join(name), content).or_fail();
    }

    /// Adds a setting to `postgresql.conf`; tell the server with [`reload`](Self::reload) or
    /// [`restart`](Self::restart).
    ///
    /// # Panics
    /// When the file cannot be written.
    #[track_caller]
    pub fn set(&self, name: &str, value: &str) {
        self.append_settings(&[(name.into(), value.into())]).or_fail();
    }

    /// Everything that the server logged since its creation.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = fs::read(self.sandbox.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Runs SQL in the database `postgres`; see [`psql_in`](Self::psql_in).
    ///
    /// # Panics
    /// When a statement fails.
    #[track_caller]
    pub fn psql(&self, sql: &str) -> String {
        self.psql_in("postgres", sql)
    }

    /// Runs SQL, statement by statement, and returns what it yields: rows by lines, columns separated by `|`.
    ///
    /// # Panics
    /// When a statement fails.
    #[track_caller]
    pub fn psql_in(&self, database: &str, sql: &str) -> String {
        self.try_psql(database, sql).or_fail()
    }

    /// As [`psql_in`](Self::psql_in).
    ///
    /// # Errors
    /// With psql's message when a statement, or the connection, fails.
    pub fn try_psql(&self, database: &str, sql: &str) -> Result<String> {
        run_script(&self.url(database), sql)
    }

    /// Creates an empty database.
    ///
    /// # Panics
    /// When that fails.
    #[track_caller]
    pub fn create_database(&self, name: &str) {
        self.psql(&format!("create database \"{name}\""));
    }

    /// A connection that stays open.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    #[track_caller]
    pub fn session(&self, database: &str) -> Session {
        Session::open(&self.url(database)).or_fail()
    }

    /// Waits until a query in the database `postgres` yields a text; an error of the query counts as another.
    ///
    /// # Panics
    /// When it does not within a minute.
    #[track_caller]
    pub fn wait_for(&self, sql: &str, expected: &str) {
        wait_until(&format!("«{sql}» yields {expected:?}"), PATIENCE, || {
            self.try_psql("postgres", sql)
                .is_ok_and(|answer| answer == expected)
        });
    }

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

    fn lock(&self) -> MutexGuard<'_, Option<Process>> {
        // A test that failed in one thread is no reason to fail others.
        self.postmaster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_settings(&self, name: &str, extra: &[(String, String)]) -> Result<()> {
        let mut settings: Vec<(String, String)> = lab_settings(&self.install)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        settings.push(("port".into(), self.port().to_string()));
        settings.push((
            "unix_socket_directories".into(),
            self.sandbox.path().display().to_string(),
        ));
        settings.push(("cluster_name".into(), name.into()));
        settings.extend_from_slice(extra);
        self.append_settings(&settings)
    }

    fn append_settings(&self, settings: &[(String, String)]) -> Result<()> {
        let line = |(name, value): &(String, String)| format!("{name} = '{}'\n", value.replace('\'', "''"));
        let lines: String = settings.iter().map(line).collect();
        let path = self.data().join("postgresql.conf");
        let file = OpenOptions::new().append(true).open(&path);
        file.and_then(|mut file| file.write_all(lines.as_bytes()))
            .context(|| format!("writing {}", path.display()))
    }

    fn launch(&self) -> Result<()> {
        let log = self.sandbox.path().join("log");
        let output = File::options().create(true).append(true).open(&log);
        let output = output.context(|| format!("opening {}", log.display()))?;
        let errors = output
            .try_clone()
            .context(|| format!("opening {}", log.display()))?;
        let mut command = self.install.command("postgres")?;
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
    fn failure(&self, what: &str) -> Error {
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

fn lab_settings(install: &Install) -> Vec<(&'static str, &'static str)> {
    let mut settings = vec![
        ("listen_addresses", "127.0.0.1"),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
        ("shared_buffers", "16MB"),
        ("max_connections", "100"),
        ("fsync", "off"),
        ("wal_level", "logical"),
        ("max_wal_senders", "10"),
        ("max_replication_slots", "10"),
        ("hot_standby", "on"),
        ("track_io_timing", "on"),
        ("track_functions", "all"),
    ];
    if install.has_library("pg_stat_statements") {
        settings.push(("shared_preload_libraries", "pg_stat_statements"));
    }
    if install.major >= 14 {
        settings.push(("track_wal_io_timing", "on"));
    }
    settings
}
