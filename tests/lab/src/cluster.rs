//! A PostgreSQL server of one's own.

mod builder;
mod control;
mod launcher;
mod rewind;
mod settings;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

pub use self::builder::Builder;
use self::launcher::Launcher;
pub use self::rewind::rewind_major;
use crate::cache::Install;
use crate::error::{OrFail, Result};
use crate::port::Port;
use crate::process::Process;
use crate::sandbox::{Sandbox, write_private};
use crate::session::{Session, run_script};
use crate::wait::{PATIENCE, wait_until};

/// A running primary or standby; stopped and removed when dropped.
///
/// Everyone may connect from 127.0.0.1 without a password, the superuser is `postgres`. The methods that take
/// `&self` may be called from several threads.
#[derive(Debug)]
pub struct Cluster {
    install: Install,
    port: Port,
    launcher: Launcher,
    // Dropped in this order: the watchdog stops the server, then the postmaster is reaped.
    sandbox: Sandbox,
    postmaster: Mutex<Option<Process>>,
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

impl Cluster {
    /// What to start, with the lab's settings.
    #[must_use]
    pub fn builder(major: u32) -> Builder {
        Builder {
            major,
            settings: Vec::new(),
            launcher: Launcher::default(),
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

    fn lock(&self) -> MutexGuard<'_, Option<Process>> {
        // A test that failed in one thread is no reason to fail others.
        self.postmaster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
