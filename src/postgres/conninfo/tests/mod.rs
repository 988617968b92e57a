//! Tests of connection information: against expectations, against what `psql` does, and for arbitrary input.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a failing test may panic

mod driver;
mod files;
mod malformed;
mod parameters;
mod precedence;
mod properties;
mod psql;
mod require_auth;
mod syntax;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use pg_exporter_lab::Folder;

use super::{ConnInfo, ConnInfoError, Environment, Host};

/// Surroundings of a test's own: nothing of the real ones is seen.
#[derive(Clone, Debug, Default)]
struct TestEnvironment {
    variables: BTreeMap<String, OsString>,
    home: Option<PathBuf>,
    socket_dirs: Vec<PathBuf>,
    config_dirs: Vec<PathBuf>,
}

impl TestEnvironment {
    fn of(variables: &[(&str, &str)]) -> Self {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.into()))
            .collect();
        Self {
            variables,
            ..Self::default()
        }
    }

    fn with_home(self, home: &Path) -> Self {
        Self {
            home: Some(home.to_owned()),
            ..self
        }
    }
}

impl Environment for TestEnvironment {
    fn var(&self, name: &str) -> Option<OsString> {
        self.variables.get(name).cloned()
    }

    fn home_dir(&self) -> Option<PathBuf> {
        self.home.clone()
    }

    fn os_user(&self) -> Option<String> {
        Some("os_user".to_owned())
    }

    fn socket_dirs(&self) -> Vec<PathBuf> {
        self.socket_dirs.clone()
    }

    fn system_config_dirs(&self) -> Vec<PathBuf> {
        self.config_dirs.clone()
    }
}

fn parse(text: &str) -> Result<ConnInfo, ConnInfoError> {
    ConnInfo::parse(text, &TestEnvironment::default())
}

fn parse_ok(text: &str) -> ConnInfo {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The password for the first host, as text.
fn password(info: &ConnInfo) -> Option<String> {
    let lookup = info.resolve_password(&info.hosts()[0]);
    assert!(lookup.warning.is_none(), "{:?}", lookup.warning);
    lookup
        .password
        .map(|secret| String::from_utf8_lossy(secret.expose()).into_owned())
}

/// The hosts in one word each: `name:port`, `name=address:port`, `/dir:port`.
fn hosts(info: &ConnInfo) -> Vec<String> {
    let word = |host: &Host| match host {
        Host::Unix { dir, port } => format!("{}:{port}", dir.display()),
        Host::Tcp {
            host,
            hostaddr: None,
            port,
        } => format!("{}:{port}", host.as_deref().unwrap_or("?")),
        Host::Tcp {
            host,
            hostaddr: Some(address),
            port,
        } => {
            format!("{}={address}:{port}", host.as_deref().unwrap_or("?"))
        }
    };
    info.hosts().iter().map(word).collect()
}
