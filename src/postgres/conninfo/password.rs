//! The password of this moment: files are read again for each connection.

use std::path::Path;
use std::time::Duration;

use super::environment::ProcessEnvironment;
use super::host::Host;
use super::info::ConnInfo;
use super::keywords::Keyword;
use super::passfile;
use super::passfile::PasswordWarning;
use super::source::Wanted;
use super::tls::Tls;
use crate::values::Secret;

/// A password, or none, and why a file that could have had one was not used.
#[derive(Debug, Default)]
pub struct PasswordLookup {
    /// What to answer when the server asks.
    pub password: Option<Secret>,
    /// For the log.
    pub warning: Option<PasswordWarning>,
    /// Why none was found: no mistake, unless the server asks for one.
    pub absence: Option<String>,
    /// Why there is none, where there must be one: without it no connection is tried.
    pub failure: Option<String>,
}

impl ConnInfo {
    /// The password for one server as of now: the one given, read again if it was given in a file; a service file's, read
    /// again; else the password file's. Reads small files, so it may block for as long as their file system does.
    #[must_use]
    pub fn resolve_password(&self, host: &Host) -> PasswordLookup {
        let Some(path) = self.url_file.as_deref() else {
            return self.find_password(host);
        };
        match self.read_again(path) {
            Ok(now) => now.find_password(host),
            Err(reason) => PasswordLookup {
                password: self.find_password(host).password,
                warning: Some(PasswordWarning::UrlFile {
                    path: passfile::printable(path),
                    reason,
                }),
                ..PasswordLookup::default()
            },
        }
    }

    /// How the connection is protected as of now: the pass phrase of the client's key is read again, as the password is.
    /// Where that fails, the one that was known is used.
    #[must_use]
    pub fn resolve_tls(&self) -> Tls {
        let mut tls = self.tls.clone();
        let now = match (self.url_file.as_deref(), &self.key_section) {
            (Some(path), _) => self
                .read_again(path)
                .ok()
                .and_then(|now| now.resolve_key_password()),
            (None, Some(_)) => self.resolve_key_password(),
            (None, None) => return tls,
        };
        if let (Some(client), Some(_)) = (&mut tls.client, &now) {
            client.key_password = now;
        }
        tls
    }

    fn resolve_key_password(&self) -> Option<Secret> {
        let of_section = self.key_section.as_ref();
        let of_section =
            of_section.and_then(|section| section.secret(Keyword::SslPassword, &self.files).ok().flatten());
        of_section.or_else(|| self.tls.client.as_ref()?.key_password.clone())
    }

    /// What the file says now.
    fn read_again(&self, path: &Path) -> Result<Self, String> {
        let content = self.files.read_or_last(path).map_err(|error| error.to_string())?;
        let text = std::str::from_utf8(content.bytes()).map_err(|error| error.to_string())?;
        let environment = ProcessEnvironment {
            files: self.files.clone(),
        };
        let now = Self::parse(text.trim(), &environment).map_err(|error| error.to_string())?;
        Ok(now.with_database(&self.database))
    }

    /// Runs the programs that write its passwords, each for as long as that may take: who connects next has them at once. Blocks.
    pub fn prepare_passwords(&self, patience: Duration) {
        for host in self.hosts() {
            if let Some(source) = &self.password_source {
                source.prepare(self.wanted(host), &self.files, patience);
            }
        }
    }

    fn wanted<'a>(&'a self, host: &'a Host) -> Wanted<'a> {
        Wanted {
            host,
            user: &self.user,
            database: &self.database,
        }
    }

    fn find_password(&self, host: &Host) -> PasswordLookup {
        let given = |password| PasswordLookup {
            password: Some(password),
            ..PasswordLookup::default()
        };
        if let Some(source) = &self.password_source {
            return match source.password(self.wanted(host), &self.files) {
                Ok(password) => given(password),
                Err(reason) => PasswordLookup {
                    failure: Some(reason),
                    ..PasswordLookup::default()
                },
            };
        }
        match (&self.password_section, &self.password) {
            (Some(section), known) => match section.secret(Keyword::Password, &self.files) {
                Ok(Some(password)) => given(password),
                Ok(None) => self.look_up(host),
                Err(reason) => {
                    let warning = Some(PasswordWarning::Service { reason });
                    PasswordLookup {
                        password: known.clone(),
                        warning,
                        ..PasswordLookup::default()
                    }
                }
            },
            (None, Some(password)) => given(password.clone()),
            (None, None) => self.look_up(host),
        }
    }

    /// Asks the password file.
    fn look_up(&self, host: &Host) -> PasswordLookup {
        let Some(path) = &self.password_file else {
            return PasswordLookup {
                absence: Some("neither the connection string nor PGPASSWORD has one".to_owned()),
                ..PasswordLookup::default()
            };
        };
        let wanted = passfile::Wanted {
            host: &self.hosts.password_name(host),
            port: host.port(),
            database: &self.database,
            user: &self.user,
        };
        match passfile::look_up(path, &wanted, &self.files) {
            Ok(Ok(password)) => PasswordLookup {
                password: Some(password),
                ..PasswordLookup::default()
            },
            Ok(Err(absence)) => PasswordLookup {
                absence: Some(absence),
                ..PasswordLookup::default()
            },
            Err(warning) => PasswordLookup {
                absence: Some(warning.to_string()),
                warning: Some(warning),
                ..PasswordLookup::default()
            },
        }
    }
}
