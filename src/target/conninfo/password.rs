//! The password of this moment: files are read again for each connection.

use super::passfile::{self, PasswordWarning};
use super::{ConnInfo, Host, Secret};

/// A password, or none, and why a file that could have had one was not used.
#[derive(Debug, Default)]
pub struct PasswordLookup {
    /// What to answer when the server asks.
    pub password: Option<Secret>,
    /// For the log.
    pub warning: Option<PasswordWarning>,
}

impl ConnInfo {
    /// The password for one server as of now: the one given; a service file's, read again; else the password file's.
    /// Reads small files, so it may block for as long as their file system does.
    #[must_use]
    pub fn resolve_password(&self, host: &Host) -> PasswordLookup {
        let given = |password| PasswordLookup {
            password: Some(password),
            warning: None,
        };
        match (&self.password_section, &self.password) {
            (Some(section), known) => match section.password() {
                Ok(Some(password)) => given(password),
                Ok(None) => self.look_up(host),
                Err(reason) => {
                    let warning = Some(PasswordWarning::Service { reason });
                    PasswordLookup {
                        password: known.clone(),
                        warning,
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
            return PasswordLookup::default();
        };
        let wanted = passfile::Wanted {
            host: &self.hosts.password_name(host),
            port: host.port(),
            database: &self.database,
            user: &self.user,
        };
        match passfile::look_up(path, &wanted) {
            Ok(password) => PasswordLookup {
                password,
                warning: None,
            },
            Err(warning) => PasswordLookup {
                password: None,
                warning: Some(warning),
            },
        }
    }
}
