//! Where a password comes from that no connection information holds: a file, a variable, a program.

use std::path::PathBuf;
use std::time::Duration;

use super::host::Host;
use crate::files::Files;
use crate::values::Secret;

/// Where a password comes from, asked again for each connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordSource {
    /// A file that holds nothing else; one end of line behind it is none of it.
    File(PathBuf),
    /// An environment variable of the exporter.
    Variable(String),
    /// A program that writes it, and its arguments; `{host}`, `{port}`, `{user}` and `{dbname}` stand for the server's.
    Command {
        /// The program and its arguments.
        line: Vec<String>,
        /// For how long what it wrote is good.
        ttl: Duration,
    },
}

/// To what the password is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) host: &'a Host,
    pub(super) user: &'a str,
    pub(super) database: &'a str,
}

impl PasswordSource {
    /// The password of this moment. Blocks for as long as files may take.
    ///
    /// # Errors
    /// Why there is none, without secrets.
    pub(super) fn password(&self, wanted: Wanted<'_>, files: &Files) -> Result<Secret, String> {
        match self {
            Self::File(path) => {
                let content = files.read_or_last(path);
                let content = content
                    .map_err(|error| format!("password_file {} cannot be read: {error}", path.display()))?;
                let bytes = content.bytes();
                let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
                let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
                if bytes.is_empty() {
                    return Err(format!("password_file {} is empty", path.display()));
                }
                Ok(Secret::new(bytes))
            }
            Self::Variable(name) => match std::env::var_os(name) {
                Some(value) if !value.is_empty() => Ok(Secret::new(value.into_encoded_bytes())),
                _ => Err(format!("password_env: the exporter has no variable {name}")),
            },
            Self::Command { line, ttl } => {
                let password = files
                    .commands()
                    .password(&wanted.fill_all(line), *ttl, files.patience())?;
                Ok(Secret::new(password.as_slice()))
            }
        }
    }

    /// Runs the program, if it is one, so that its password is there for who connects. Blocks for that long at most.
    pub(super) fn prepare(&self, wanted: Wanted<'_>, files: &Files, patience: Duration) {
        if let Self::Command { line, ttl } = self {
            // Why there is none is told to who connects.
            let _ = files.commands().password(&wanted.fill_all(line), *ttl, patience);
        }
    }
}

impl Wanted<'_> {
    fn fill_all(self, line: &[String]) -> Vec<String> {
        line.iter().map(|word| self.fill(word)).collect()
    }

    fn fill(self, word: &str) -> String {
        let host = match self.host {
            Host::Unix { dir, .. } => dir.display().to_string(),
            Host::Tcp { host: Some(host), .. } => host.clone(),
            Host::Tcp { hostaddr, .. } => hostaddr.map(|address| address.to_string()).unwrap_or_default(),
        };
        // One pass: what a name holds is not filled again.
        let mut filled = String::with_capacity(word.len() + host.len());
        let mut rest = word;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let known = after.split_once('}').and_then(|(name, rest)| {
                let value = match name {
                    "host" => host.clone(),
                    "port" => self.host.port().to_string(),
                    "user" => self.user.to_owned(),
                    "dbname" => self.database.to_owned(),
                    _ => return None,
                };
                Some((value, rest))
            });
            match known {
                Some((value, behind)) => {
                    filled.push_str(&value);
                    rest = behind;
                }
                None => {
                    filled.push('{');
                    rest = after;
                }
            }
        }
        filled.push_str(rest);
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_is_called_is_filled_in_once() {
        let host = Host::Tcp {
            host: Some("{port}.example".to_owned()),
            hostaddr: None,
            port: 5433,
        };
        let wanted = Wanted {
            host: &host,
            user: "m",
            database: "d",
        };
        let table = [
            ("--host={host}", "--host={port}.example"),
            ("{user}@{host}:{port}/{dbname}", "m@{port}.example:5433/d"),
            ("{other} {", "{other} {"),
            ("", ""),
        ];
        for (word, expected) in table {
            assert_eq!(wanted.fill(word), expected);
        }
    }
}
