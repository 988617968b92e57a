//! What the fetch scripts brought: servers and programs. The scripts' `common.bash` follows the same rules.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Once};

use crate::account::{account, is_root};
use crate::error::{Context, Error, OrFail, Result};
use crate::given::servers_of;

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

/// The majors that can be started here, ascending: those of the cache, and those of 10 and later that
/// `PG_EXPORTER_TEST_SERVERS` gives.
///
/// # Panics
/// When there is none, or, with `CI=true`, when one of 10 to 18 is missing: a test run that leaves majors out
/// must not look complete. Elsewhere a line on standard error tells which are missing.
#[must_use]
#[track_caller]
pub fn majors() -> Vec<u32> {
    let (mut there, missing): (Vec<u32>, Vec<u32>) = MAJORS.partition(|&major| install(major).is_ok());
    let more = given().or_fail().keys().copied();
    // One that was asked for and is none must not look as if it were not there.
    more.clone().for_each(|major| drop(install(major).or_fail()));
    there.extend(more.filter(|major| !MAJORS.contains(major) && *major >= 10));
    there.sort_unstable();
    let complete = env::var_os("CI").is_some_and(|value| value == "true");
    if there.is_empty() || (complete && !missing.is_empty()) {
        panic!("PostgreSQL {missing:?} is not in the cache: run scripts/fetch-postgres");
    }
    if !missing.is_empty() {
        tell_missing(&missing);
    }
    there
}

/// Those of [`majors`] that a test wants where branches differ. A release after the newest that is fetched, which
/// `PG_EXPORTER_TEST_SERVERS` gives, stands beside that: what is so on 18 is so on 19, too.
///
/// # Panics
/// As [`majors`], and when none of them is there.
#[must_use]
#[track_caller]
pub fn majors_among(wanted: &[u32]) -> Vec<u32> {
    let among = among(wanted, &majors());
    assert!(!among.is_empty(), "none of PostgreSQL {wanted:?} is here");
    among
}

/// Releases after the newest that is fetched, which `PG_EXPORTER_TEST_SERVERS` gives.
///
/// # Panics
/// As [`majors`].
#[must_use]
#[track_caller]
pub fn later_majors() -> Vec<u32> {
    majors()
        .into_iter()
        .filter(|major| major > MAJORS.end())
        .collect()
}

fn among(wanted: &[u32], there: &[u32]) -> Vec<u32> {
    let is_for_newest = wanted.contains(MAJORS.end());
    let is_wanted = |major: &u32| wanted.contains(major) || (is_for_newest && major > MAJORS.end());
    there.iter().copied().filter(is_wanted).collect()
}

fn tell_missing(missing: &[u32]) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Past the test harness's capture: it is about the run, not about one test. Nobody to tell is no error.
        let line = format!("lab: PostgreSQL {missing:?} is not available, and not tested\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
    });
}

/// Releases before 10 that `PG_EXPORTER_TEST_SERVERS` gives, by their second number: 6 stands for 9.6. Nothing fetches them.
///
/// # Panics
/// When the variable cannot be read.
#[must_use]
#[track_caller]
pub fn legacy_majors() -> Vec<u32> {
    let given = given().or_fail().keys().copied();
    given.filter(|major| *major < 10).collect()
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
    let last = given()?.keys().last().copied();
    let newest = last
        .into_iter()
        .chain(MAJORS.rev())
        .find(|&major| install(major).is_ok());
    newest.ok_or_else(|| Error::new("no PostgreSQL is in the cache: run scripts/fetch-postgres"))
}

/// The files of one major.
pub(crate) fn install(major: u32) -> Result<Install> {
    if let Some(home) = given()?.get(&major) {
        return installed_at(major, home);
    }
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

fn given() -> Result<&'static BTreeMap<u32, PathBuf>> {
    static GIVEN: LazyLock<Result<BTreeMap<u32, PathBuf>>> = LazyLock::new(|| {
        let text = env::var("PG_EXPORTER_TEST_SERVERS").unwrap_or_default();
        servers_of(&text)
    });
    GIVEN.as_ref().map_err(Clone::clone)
}

/// What a server that was given says that it is.
fn installed_at(major: u32, home: &Path) -> Result<Install> {
    let program = home.join("bin/postgres");
    let said = account()?.command(&program).arg("--version").output();
    let said = said.context(|| program.display().to_string())?;
    let text = String::from_utf8_lossy(&said.stdout);
    let version = text.split_whitespace().nth(2).unwrap_or_default();
    let wanted = if major < 10 {
        format!("9.{major}")
    } else {
        major.to_string()
    };
    let is_it = version
        .strip_prefix(&wanted)
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
    if !is_it {
        let place = program.display();
        return Err(Error::new(format!(
            "PG_EXPORTER_TEST_SERVERS: {place} is {version:?}, not PostgreSQL {wanted}"
        )));
    }
    Ok(Install {
        major,
        version: format!("{version}, given"),
        home: home.into(),
        libraries: Some(home.join("libraries")).filter(|libraries| libraries.is_dir()),
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

#[cfg(test)]
mod tests {
    use super::among;

    #[test]
    fn a_later_release_stands_beside_the_newest() {
        let there = [10, 14, 18, 19, 20];
        assert_eq!(among(&[10, 18], &there), [10, 18, 19, 20]);
        assert_eq!(among(&[10, 16], &there), [10]);
        assert_eq!(among(&[11, 18], &there[3..]), [19, 20]);
    }
}
