//! Why connection information was refused.
//!
//! In malformed input nobody knows where the password is. So an error carries numbers and texts known at compile
//! time only: its types cannot hold a part of the input, and there is nothing to mask.

use std::fmt;
use std::path::PathBuf;

use crate::files::FileError;

/// Connection information that cannot be used: where it is wrong, what is wrong, what to write instead.
///
/// Neither `Display` nor `Debug` shows any part of the connection string or of a variable's value, but names of
/// known parameters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ConnInfoError {
    place: Position,
    problem: Problem,
}

impl ConnInfoError {
    pub(in crate::postgres) fn new(place: Position, problem: Problem) -> Self {
        Self { place, problem }
    }

    /// The byte of the connection string at which the mistake was noticed, counted from 1; none when it is elsewhere.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        match self.place {
            Position::Text { column } => Some(column),
            _ => None,
        }
    }
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::postgres) enum Position {
    /// The connection string, at this byte counted from 1.
    Text { column: usize },
    /// An environment variable.
    Variable(&'static str),
    /// A service file, at this line counted from 1. The path is left out when the connection string gave it.
    ServiceFile {
        path: Option<PathBuf>,
        line: Option<usize>,
    },
    /// A key of a targets file, which knows where it stands there.
    Key(&'static str),
    /// Nowhere: a default of the system.
    System,
}

impl ConnInfoError {
    /// The key of a targets file that is wrong; none when it is something else.
    #[must_use]
    pub fn key(&self) -> Option<&'static str> {
        match self.place {
            Position::Key(name) => Some(name),
            _ => None,
        }
    }

    /// What is wrong, without where.
    #[must_use]
    pub fn problem(&self) -> String {
        self.problem.to_string()
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { column } => write!(f, "connection string, byte {column}"),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::ServiceFile { path, line } => {
                match path {
                    Some(path) => write!(f, "service file {}", path.display())?,
                    None => f.write_str("service file of `servicefile`")?,
                }
                line.map_or(Ok(()), |line| write!(f, ", line {line}"))
            }
            Self::Key(name) => write!(f, "key `{name}`"),
            Self::System => f.write_str("operating system"),
        }
    }
}

/// What is wrong. Holds no text that is not known at compile time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::postgres) enum Problem {
    #[error(
        "a URL must start with postgresql:// or postgres://, in lower case and without a space before it"
    )]
    Scheme,
    #[error(
        "`=` is missing after this word; values with spaces need quotes ('...'), a URL starts with postgresql://"
    )]
    MissingEquals,
    #[error("the quoted value that starts here has no closing quote (write \\' for a quote within it)")]
    UnclosedQuote,
    #[error("`=` is missing in this URL parameter; write name=value (and & in a value as %26)")]
    ParameterWithoutEquals,
    #[error("a second `=` in this URL parameter; write = in a value as %3D")]
    ParameterWithTwoEquals,
    #[error("not a percent-encoded byte; write % as %25, others as % and two hexadecimal digits")]
    PercentEncoding,
    #[error("a zero byte is not possible in connection information")]
    ZeroByte,
    #[error("a space within the value; write it as %20")]
    SpaceInUrl,
    #[error(
        "a further `@`, or one after `/`; in user name, password and database name write @ as %40, / as %2F, : as %3A"
    )]
    StrayAt,
    #[error("the IPv6 address that starts here has no closing `]`")]
    UnclosedBracket,
    #[error("the IPv6 address in [] is empty")]
    EmptyBracket,
    #[error("after `]` only a port (:5432), another host (,), a database (/) or parameters (?) may follow")]
    AfterBracket,
    #[error("unknown parameter{}", Suggestion(*.closest))]
    UnknownParameter { closest: Option<&'static str> },
    #[error(
        "a password within the value of `{keyword}`; separate parameters by spaces, in a URL by & after the first ?"
    )]
    NestedParameter { keyword: &'static str },
    #[error("a `:` in the user name; give the password by `password`, or such a name by PGUSER")]
    PasswordInUser,
    #[error("the value of `{keyword}` is not UTF-8")]
    NotUtf8 { keyword: &'static str },
    #[error("the value of `{keyword}` is not valid; expected {expected}")]
    Value {
        keyword: &'static str,
        expected: &'static str,
    },
    #[error("`{keyword}` is not supported: {advice}")]
    Unsupported {
        keyword: &'static str,
        advice: &'static str,
    },
    #[error("{ports} ports for {hosts} host(s); give one port for all, or one for each host")]
    PortCount { ports: usize, hosts: usize },
    #[error("{hosts} host name(s) for {addresses} address(es) in `hostaddr`; give one for each")]
    HostCount { hosts: usize, addresses: usize },
    #[error("{rule}")]
    Conflict { rule: &'static str },
    #[error("cannot be read: {0}")]
    Unreadable(FileError),
    #[error("expected name=value, a [section] or a # comment")]
    ServiceLine,
    #[error("a service cannot refer to another service")]
    NestedService,
    #[error("no service file defines the service; looked for its [section] in {files} file(s)")]
    ServiceMissing { files: usize },
    #[error("the name of the current user is not known; give `user`")]
    UserUnknown,
}

/// The end of the message on an unknown parameter.
struct Suggestion(Option<&'static str>);

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "; did you mean `{name}`?"),
            None => f.write_str(
                "; settings of the server, such as search_path, belong into `options` (-c name=value)",
            ),
        }
    }
}
