//! The password file: lines of `host:port:database:user:password`, with `*` for anything and `\` before `:` and `\`.

use std::path::Path;

use super::error::ConnInfoError;
use crate::files::{Content, FileError, Files};
use crate::values::{Secret, name};

/// What a password is looked up by.
#[derive(Clone, Copy, Debug)]
pub(in crate::postgres) struct Wanted<'a> {
    pub(in crate::postgres) host: &'a str,
    pub(in crate::postgres) port: u16,
    pub(in crate::postgres) database: &'a str,
    pub(in crate::postgres) user: &'a str,
}

/// Why a password file was not used. libpq goes on without a password, and so do we; the log should have the reason.
#[derive(Debug, thiserror::Error)]
pub enum PasswordWarning {
    /// The owner's group or everybody may read or write the file.
    #[error("password file {path} is ignored: its group or others have access; make it `chmod 0600`")]
    Permissions {
        /// The file.
        path: String,
    },
    /// A directory, a pipe or a device.
    #[error("password file {path} is ignored: it is not a plain file")]
    NotPlain {
        /// The file.
        path: String,
    },
    /// It exists but cannot be read.
    #[error("password file {path} is ignored: it cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's answer.
        reason: FileError,
    },
    /// The service file that had a password when the exporter started has become unusable.
    #[error("the password is the one read from the service file before: {reason}")]
    Service {
        /// What is wrong with the file.
        reason: ConnInfoError,
    },
    /// The file of the connection string has become unusable since the exporter started.
    #[error("the password is the one read from {path} before: {reason}")]
    UrlFile {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Looks a password up: the first line that matches. That there is no file, or no such line, is no mistake: it is told why
/// there is none.
pub(in crate::postgres) fn look_up(
    path: &Path,
    wanted: &Wanted<'_>,
    files: &Files,
) -> Result<Result<Secret, String>, PasswordWarning> {
    let content = match files.read_or_last(path) {
        Ok(content) => content,
        Err(error) if error.is_missing() => {
            return Ok(Err(format!("password file {} does not exist", printable(path))));
        }
        Err(FileError::NotPlain(_)) => {
            return Err(PasswordWarning::NotPlain {
                path: printable(path),
            });
        }
        Err(reason) => {
            return Err(PasswordWarning::Unreadable {
                path: printable(path),
                reason,
            });
        }
    };
    check(path, &content)?;
    let mut lines = content.bytes().split(|byte| *byte == b'\n');
    let found = lines.find_map(|line| match_line(line, wanted));
    Ok(found.ok_or_else(|| {
        let Wanted {
            host,
            port,
            database,
            user,
        } = wanted;
        let path = printable(path);
        format!("password file {path} has no line for {host}:{port}:{database}:{user}")
    }))
}

pub(in crate::postgres) fn printable(path: &Path) -> String {
    path.display().to_string()
}

/// libpq's rule: nobody else may use it.
fn check(path: &Path, content: &Content) -> Result<(), PasswordWarning> {
    if content.mode & 0o077 != 0 {
        return Err(PasswordWarning::Permissions {
            path: printable(path),
        });
    }
    Ok(())
}

/// The password of a line whose first four fields match.
fn match_line(line: &[u8], wanted: &Wanted<'_>) -> Option<Secret> {
    let end = line
        .iter()
        .rposition(|byte| *byte != b'\r')
        .map_or(0, |last| last + 1);
    let line = line.get(..end)?;
    if line.starts_with(b"#") {
        return None;
    }
    let port = wanted.port.to_string();
    let rest = match_field(line, wanted.host)?;
    let rest = match_field(rest, &port)?;
    let rest = match_field(rest, wanted.database)?;
    let rest = match_field(rest, wanted.user)?;
    Some(Secret::new(unescape(rest)))
}

/// What follows the field and its colon, if the field is `*` or the wanted text.
fn match_field<'a>(line: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    if let Some(rest) = line.strip_prefix(b"*:") {
        return Some(rest);
    }
    let wanted = name::bytes_of(wanted);
    let mut wanted = wanted.iter().copied();
    let mut at = 0;
    loop {
        match (*line.get(at)?, wanted.next()) {
            (b':', None) => return line.get(at + 1..),
            (byte, expected) => {
                at += usize::from(byte == b'\\');
                if *line.get(at)? != expected? {
                    return None;
                }
                at += 1;
            }
        }
    }
}

/// The password field: up to a colon or the end, a backslash taking the byte after it as it is.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut password = Vec::with_capacity(field.len());
    let mut bytes = field.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b':' => break,
            b'\\' => password.push(bytes.next().unwrap_or(b'\\')),
            byte => password.push(byte),
        }
    }
    password
}
