//! What connection information takes from around the process, and its precedence: text, service file, variables,
//! defaults.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::error::Position;
use super::keywords::Keyword;
use super::settings::{Setting, Settings};
use crate::files::Files;

/// The surroundings of the process, as far as libpq looks at them. Everything but [`var`](Self::var) has the
/// system's answer as default.
pub trait Environment {
    /// An environment variable; libpq takes an empty one for set.
    fn var(&self, name: &str) -> Option<OsString>;

    /// By what files are read.
    fn files(&self) -> Files {
        Files::default()
    }

    /// A service file is about to be looked for there: what it gives may be another thing later.
    fn looks_at(&self, _service_file: &Path) {}

    /// Where `.pgpass`, `.pg_service.conf` and `.postgresql/` are: `$HOME`, else what the account database says.
    fn home_dir(&self) -> Option<PathBuf> {
        match self.var("HOME") {
            Some(home) if !home.is_empty() => Some(home.into()),
            _ => std::env::home_dir(),
        }
    }

    /// The name of the operating system's user, whom the server's `peer` method sees.
    fn os_user(&self) -> Option<String> {
        whoami::username().ok()
    }

    /// Where a socket is looked for when no host is given: Debian's and Red Hat's place, then PostgreSQL's own.
    fn socket_dirs(&self) -> Vec<PathBuf> {
        ["/var/run/postgresql", "/tmp"].map(PathBuf::from).into()
    }

    /// Where `pg_service.conf` is looked for when `PGSYSCONFDIR` is not set: the compiled-in places of libpq in
    /// Debian, Red Hat and PostgreSQL's own build.
    fn system_config_dirs(&self) -> Vec<PathBuf> {
        [
            "/etc/postgresql-common",
            "/etc/sysconfig/pgsql",
            "/usr/local/pgsql/etc",
        ]
        .map(PathBuf::from)
        .into()
    }
}

/// The process's own environment.
#[derive(Clone, Debug, Default)]
pub struct ProcessEnvironment {
    /// By what files are read.
    pub files: Files,
}

impl Environment for ProcessEnvironment {
    fn var(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn files(&self) -> Files {
        self.files.clone()
    }
}

/// Fills what is not set yet from the `PG*` variables.
pub(in crate::postgres) fn fill(settings: &mut Settings, environment: &dyn Environment) {
    for keyword in Keyword::ALL.iter().copied() {
        let Some(name) = keyword.variable() else { continue };
        if settings.get(keyword).is_some() {
            continue;
        }
        if let Some(value) = environment.var(name) {
            let setting = Setting {
                bytes: value.into_encoded_bytes(),
                place: Position::Variable(name),
            };
            settings.set(keyword, setting);
        }
    }
    require_ssl(settings, environment);
}

/// `PGREQUIRESSL=1`, which is older than `PGSSLMODE` and yields to it.
fn require_ssl(settings: &mut Settings, environment: &dyn Environment) {
    const NAME: &str = "PGREQUIRESSL";
    if environment
        .var(NAME)
        .is_some_and(|value| value.as_encoded_bytes().first() == Some(&b'1'))
    {
        let setting = Setting {
            bytes: b"require".into(),
            place: Position::Variable(NAME),
        };
        settings.set_default(Keyword::SslMode, setting);
    }
}
