//! Who runs the servers: PostgreSQL and pgbouncer refuse to run as root.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::error::{Context, Error, Result};

/// The user whom servers run as: `postgres` or `nobody` when the tests run as root, else the tests' own.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Whether commands have to change to this user first.
    switch: bool,
}

static ACCOUNT: LazyLock<Result<Account>> = LazyLock::new(find);

/// The servers' user.
pub(crate) fn account() -> Result<&'static Account> {
    ACCOUNT.as_ref().map_err(Clone::clone)
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn find() -> Result<Account> {
    if !is_root() {
        let (uid, gid) = (
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw(),
        );
        return Ok(Account {
            uid,
            gid,
            switch: false,
        });
    }
    let users = fs::read_to_string("/etc/passwd").context(|| "reading /etc/passwd".into())?;
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| from_passwd(&users, name))
        .ok_or_else(|| {
            Error::new("root runs the servers as the user postgres or nobody, and there is neither: add one")
        })
}

fn from_passwd(users: &str, name: &str) -> Option<Account> {
    let mut fields = users.lines().map(|line| line.split(':')).find_map(|mut fields| {
        let found = fields.next() == Some(name);
        found.then_some(fields)
    })?;
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(Account {
        uid,
        gid,
        switch: true,
    })
}

impl Account {
    /// A command as this user, in `/`, with nothing of the caller's environment that could lead a PostgreSQL
    /// program elsewhere.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command;
        if self.switch {
            command = Command::new(located("setpriv".as_ref()));
            command.args([format!("--reuid={}", self.uid), format!("--regid={}", self.gid)]);
            command.args(["--init-groups", "--"]).arg(program.as_ref());
        } else {
            command = Command::new(located(program.as_ref()));
        }
        clear_environment(&mut command);
        command.current_dir("/");
        command
    }

    /// Hands a file or folder that root made to this user.
    pub(crate) fn give(&self, path: &Path) -> Result<()> {
        if !self.switch {
            return Ok(());
        }
        chown(path, Some(self.uid), Some(self.gid)).context(|| format!("giving {} away", path.display()))
    }
}

/// Where `PATH` has a program. With another environment than its own, the standard library looks a name up in a copy of the
/// whole test process, which it makes for that; a path it starts without one.
pub(crate) fn located(program: &Path) -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&folders).map(|folder| folder.join(program));
    // Of a path, `join` leaves the folder away.
    places
        .find(|place| place.is_file())
        .unwrap_or_else(|| program.into())
}

/// No `PG*` variable of the caller's, one language, one time zone.
pub(crate) fn clear_environment(command: &mut Command) {
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command.envs([("HOME", "/"), ("LC_ALL", "C"), ("TZ", "UTC")]);
    command.envs([("PGPASSFILE", "/nonexistent/pgpass"), ("PGCONNECT_TIMEOUT", "10")]);
}
