//! What the fetch scripts brought: servers and programs. The scripts' `common.bash` follows the same rules.

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Once};

use crate::account::{account, is_root};
use crate::error::{Context, Error, OrFail, Result};

/// Every major that the project supports.
const MAJORS: std::ops::RangeInclusive<u32> = 10..=18;

static CACHE: LazyLock<Result<PathBuf>> = LazyLock::new(locate);

/// One PostgreSQL server's files.
#[derive(Clone, Debug)]
pub(crate) struct Install {
    pub(crate) major: u32,
    /// Version and origin, one line.
    pub(crate) version: String,
    /// The folder that holds `bin`.
    pub(crate) home: PathBuf,
    /// What the server needs in `LD_LIBRARY_PATH`.
    pub(crate) libraries: Option<PathBuf>,
}

impl Install {
    /// A server program as the servers' user.
    pub(crate) fn command(&self, program: &str) -> Result<Command> {
        let mut command = account()?.command(self.home.join("bin").join(program));
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        Ok(command)
    }

    /// Whether a library that the server can preload is there.
    pub(crate) fn has_library(&self, name: &str) -> bool {
        ["lib/postgresql", "lib"]
            .iter()
            .any(|lib| self.home.join(lib).join(format!("{name}.so")).is_file())
    }
}

/// The cache folder.
pub(crate) fn cache() -> Result<&'static Path> {
    CACHE.as_deref().map_err(Clone::clone)
}

fn locate() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("PG_EXPORTER_CACHE").filter(|folder| !folder.is_empty()) {
        return fs::canonicalize(&folder)
            .context(|| format!("PG_EXPORTER_CACHE={}", Path::new(&folder).display()));
    }
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_else(|| "/".into())).join(".cache");
    let folder = env::var_os("XDG_CACHE_HOME")
        .map_or_else(home, PathBuf::from)
        .join("pg_exporter");
    if is_root() && !can_be_entered(&folder)? {
        return Ok("/var/cache/pg_exporter".into());
    }
    Ok(folder)
}

/// Whether the servers' user can enter a folder, or, where it is not there yet, what it would be made in.
fn can_be_entered(folder: &Path) -> Result<bool> {
    let there = folder
        .ancestors()
        .find(|folder| folder.is_dir())
        .unwrap_or(Path::new("/"));
    let status = account()?.command("test").arg("-x").arg(there).status();
    Ok(status
        .context(|| "running setpriv (Debian: util-linux)".into())?
        .success())
}

/// The majors that can be started here, ascending.
///
/// # Panics
/// When there is none, or, with `CI=true`, when one of 10 to 18 is missing: a test run that leaves majors out
/// must not look complete. Elsewhere a line on standard error tells which are missing.
#[must_use]
#[track_caller]
pub fn majors() -> Vec<u32> {
    let (there, missing): (Vec<u32>, Vec<u32>) = MAJORS.partition(|&major| install(major).is_ok());
    let complete = env::var_os("CI").is_some_and(|value| value == "true");
    if there.is_empty() || (complete && !missing.is_empty()) {
        panic!("PostgreSQL {missing:?} is not in the cache: run scripts/fetch-postgres");
    }
    if !missing.is_empty() {
        tell_missing(&missing);
    }
    there
}

fn tell_missing(missing: &[u32]) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Past the test harness's capture: it is about the run, not about one test. Nobody to tell is no error.
        let line = format!("lab: PostgreSQL {missing:?} is not available, and not tested\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
    });
}

/// The newest major that can be started here.
///
/// # Panics
/// As [`majors`].
#[must_use]
#[track_caller]
pub fn newest_major() -> u32 {
    majors().last().copied().unwrap_or(*MAJORS.end())
}

/// The newest major that can be started here, for whoever wants one server and no test run: nothing is told of the others.
///
/// # Errors
/// When there is none.
pub fn newest_installed() -> Result<u32> {
    let newest = MAJORS.rev().find(|&major| install(major).is_ok());
    newest.ok_or_else(|| Error::new("no PostgreSQL is in the cache: run scripts/fetch-postgres"))
}

/// The files of one major.
pub(crate) fn install(major: u32) -> Result<Install> {
    let folder = cache()?.join("postgres").join(major.to_string());
    let home = folder.join("home");
    if !home.join("bin/postgres").is_file() {
        let place = folder.display();
        return Err(Error::new(format!(
            "no PostgreSQL {major} in {place}: run scripts/fetch-postgres {major}"
        )));
    }
    let version = fs::read_to_string(folder.join("VERSION"))
        .context(|| format!("{}: run scripts/fetch-postgres {major}", folder.display()))?;
    let libraries = Some(folder.join("libraries")).filter(|libraries| libraries.is_dir());
    Ok(Install {
        major,
        version: version.trim().into(),
        home,
        libraries,
    })
}

/// The path of a program that `scripts/fetch-tools` brought, such as `wrk`.
///
/// # Panics
/// When it is not there.
#[must_use]
#[track_caller]
pub fn tool(name: &str) -> PathBuf {
    find_tool(name).or_fail()
}

pub(crate) fn find_tool(name: &str) -> Result<PathBuf> {
    let path = cache()?.join("tools/bin").join(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::new(format!(
        "{name} is not in {}: run scripts/fetch-tools",
        path.display()
    )))
}
