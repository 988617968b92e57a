//! Why something about the target failed: one reason, the SQLSTATE, a message without secrets.

use std::error::Error;
use std::fmt;
use std::io;

use tokio_postgres::error::{DbError, Severity};

use super::meter::TOO_LARGE;

/// What kind of failure it is: the `reason` label of the exporter's failure metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The statement or the scrape ran out of time.
    Timeout,
    /// A lock was not to be had in time.
    LockTimeout,
    /// The role may not do this.
    Permission,
    /// A column of the definition is not in the result, or a column of the statement is not on the server.
    MissingColumn,
    /// A relation, function, schema or parameter is not on the server.
    MissingObject,
    /// Series with the same labels; the first is kept.
    Duplicate,
    /// A value cannot be read as its definition says.
    Cast,
    /// The result, or a label of it, is larger than it may be.
    TooLarge,
    /// The connection could not be made, was lost, or was refused.
    Connection,
    /// Anything else the server says.
    Other,
}

impl Reason {
    /// All reasons, in the order of their label values in the documentation.
    pub const ALL: [Self; 10] = [
        Self::Timeout,
        Self::LockTimeout,
        Self::Permission,
        Self::MissingColumn,
        Self::MissingObject,
        Self::Duplicate,
        Self::Cast,
        Self::TooLarge,
        Self::Connection,
        Self::Other,
    ];

    /// The label value.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::LockTimeout => "lock_timeout",
            Self::Permission => "permission",
            Self::MissingColumn => "missing_column",
            Self::MissingObject => "missing_object",
            Self::Duplicate => "duplicate",
            Self::Cast => "cast",
            Self::TooLarge => "too_large",
            Self::Connection => "connection",
            Self::Other => "other",
        }
    }
}

/// A failure, cheap enough to keep and to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure it is.
    pub reason: Reason,
    /// The server's error code, when the server said something.
    pub sqlstate: Option<Box<str>>,
    /// What to tell the operator.
    pub message: Box<str>,
    /// Where in the statement the server saw the mistake, in characters from 1.
    pub position: Option<u32>,
    /// Whether the server will not run a prepared statement whose result has other columns by now.
    pub is_result_changed: bool,
    /// Whether it concerns our role, database or files alone: others may be let in.
    pub is_our_own: bool,
}

impl Failure {
    /// A failure of ours, without the server's say.
    pub fn new(reason: Reason, message: impl Into<Box<str>>) -> Self {
        Self {
            reason,
            sqlstate: None,
            message: message.into(),
            position: None,
            is_result_changed: false,
            is_our_own: false,
        }
    }

    /// The same, of which the server knows nothing.
    #[must_use]
    pub(crate) fn of_our_own(self) -> Self {
        Self {
            is_our_own: true,
            ..self
        }
    }

    /// Whether a connect failed for a reason that concerns our role, database or files alone: a password, a rule, a limit.
    #[must_use]
    pub(crate) fn is_our_own(&self) -> bool {
        self.is_our_own
    }

    /// The statement or the scrape ran out of time on this side.
    pub fn timeout(message: impl Into<Box<str>>) -> Self {
        Self::new(Reason::Timeout, message)
    }

    /// The connection is lost or could not be made.
    pub fn connection(message: impl Into<Box<str>>) -> Self {
        Self::new(Reason::Connection, message)
    }

    /// The same, with the place in front of its message.
    #[must_use]
    pub fn at(self, place: impl fmt::Display) -> Self {
        Self {
            message: format!("{place}: {}", self.message).into(),
            ..self
        }
    }

    /// What became of several tries, each told once; `None` of none. It counts as the first that a server had a word on,
    /// else as the last.
    #[must_use]
    pub fn all(mut failures: Vec<Self>) -> Option<Self> {
        let mut messages: Vec<String> = Vec::new();
        for message in failures.iter().map(Self::to_string) {
            if !messages.contains(&message) {
                messages.push(message);
            }
        }
        let told = failures.iter().position(|failure| failure.sqlstate.is_some());
        let most_telling = told.or(failures.len().checked_sub(1))?;
        let mut failure = failures.swap_remove(most_telling);
        if messages.len() > 1 {
            // Each has its SQLSTATE in it already: this one's is at the end of the text.
            let own = failure.to_string();
            messages.retain(|message| *message != own);
            messages.push(failure.message.into());
            failure.message = messages.join("; ").into();
        }
        Some(failure)
    }

    /// Whether a server answered and will not have us, now or later: by libpq's rules no other host is tried then. One
    /// that is starting up or shutting down is as good as not there.
    #[must_use]
    pub fn is_final(&self) -> bool {
        let is_gone = |code: &str| code.starts_with("57") || code.starts_with("08");
        self.sqlstate.as_deref().is_some_and(|code| !is_gone(code))
    }

    /// Whether the server says that it is starting up, shutting down or in crash recovery (57P03).
    #[must_use]
    pub fn is_starting(&self) -> bool {
        self.sqlstate.as_deref() == Some("57P03")
    }

    /// Whether the server refuses the role or the database: wrong password, `pg_hba`, missing database.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.sqlstate
            .as_deref()
            .is_some_and(|code| code.starts_with("28") || code == "3D000")
    }

    /// Whether it is a matter of the role or of the whole server, so that another database would be refused as well: wrong
    /// password, `pg_hba`, no more connections.
    #[must_use]
    pub fn concerns_all_databases(&self) -> bool {
        self.sqlstate
            .as_deref()
            .is_some_and(|code| code.starts_with("28") || code == "53300")
    }

    /// Whether a start-up option is refused: 08P01 is pgbouncer's answer, 0A000 that of vendors' proxies.
    #[must_use]
    pub fn is_unsupported_option(&self) -> bool {
        let refuses = matches!(self.sqlstate.as_deref(), Some("08P01" | "0A000"));
        refuses && (self.message.contains("option") || self.message.contains("startup parameter"))
    }

    /// Whether the server does not know a setting that was asked for.
    #[must_use]
    pub fn is_unknown_setting(&self) -> bool {
        self.sqlstate.as_deref() == Some("42704")
    }

    /// Whether asking again is useless until something on the server changes: what the statement names is not there
    /// or not allowed. Repeating it would only fill the server's log.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        self.sqlstate
            .as_deref()
            .is_some_and(|code| code.starts_with("42") || code == "0A000" || code == "3F000")
    }

    /// Whether the server is well and only denies what was asked: to the role (42501), or to everybody (0A000), as managed
    /// services do.
    #[must_use]
    pub fn is_denial(&self) -> bool {
        !self.is_result_changed && matches!(self.sqlstate.as_deref(), Some("42501" | "0A000"))
    }

    /// Whether the server refuses the statement because it is prepared: it lost it (behind a transaction pooler) or
    /// the result's type changed (after DDL).
    #[must_use]
    pub fn is_stale_statement(&self) -> bool {
        match self.sqlstate.as_deref() {
            Some("26000" | "42P05") => true,
            Some("0A000") => self.is_result_changed,
            _ => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(sqlstate) = &self.sqlstate {
            write!(f, " (SQLSTATE {sqlstate})")?;
        }
        Ok(())
    }
}

impl Error for Failure {}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(server) = error.as_db_error() {
            return Self::from(server);
        }
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        let reason = if is_of_the_connection(&error) {
            Reason::Connection
        } else {
            Reason::Other
        };
        Self::new(reason, message)
    }
}

/// Whether an error of the driver is one of the connection. Others are of one statement: what it would send or was answered
/// is none that it knows (COPY, a zero byte), and the session goes on.
fn is_of_the_connection(error: &tokio_postgres::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    error.is_closed() || cause.is_some_and(|cause| cause.kind() != io::ErrorKind::InvalidInput)
}

impl From<&DbError> for Failure {
    fn from(error: &DbError) -> Self {
        let code = error.code().code();
        let position = match error.position() {
            Some(tokio_postgres::error::ErrorPosition::Original(position)) => Some(*position),
            _ => None,
        };
        Self {
            reason: classify(code, error.message(), is_fatal(error)),
            sqlstate: Some(code.into()),
            message: one_line(error.message()).into(),
            position,
            // The routine's name, as the message depends on lc_messages.
            is_result_changed: error.routine() == Some("RevalidateCachedQuery"),
            is_our_own: is_our_own(code, error.routine()),
        }
    }
}

/// Whether a connect that failed so says nothing about others. A file system that has gone read-only is told as 42501, too:
/// the routine tells them apart, whatever the language.
fn is_our_own(code: &str, routine: Option<&str>) -> bool {
    match code {
        "3D000" | "53300" => true,
        "42501" | "55000" => routine == Some("CheckMyDatabase"),
        code => code.starts_with("28"),
    }
}

/// Whether the server ends the session with this error.
fn is_fatal(error: &DbError) -> bool {
    match error.parsed_severity() {
        Some(severity) => matches!(severity, Severity::Fatal | Severity::Panic),
        None => matches!(error.severity(), "FATAL" | "PANIC"),
    }
}

/// The reason behind a SQLSTATE. See PostgreSQL's appendix of error codes. An error that ends the session is one of
/// the connection, whatever its class; one that does not is none: a full disk fails the statements that need it.
fn classify(code: &str, message: &str, is_fatal: bool) -> Reason {
    match code {
        "57014" if message.contains("lock timeout") => Reason::LockTimeout,
        // By somebody else: our own requests come when nobody waits for the answer any more.
        "57014" if message.contains("user request") => Reason::Other,
        "57014" | "25P03" | "25P04" => Reason::Timeout,
        "55P03" => Reason::LockTimeout,
        TOO_LARGE => Reason::TooLarge,
        "42501" => Reason::Permission,
        "42703" => Reason::MissingColumn,
        "42P01" | "42883" | "42704" | "3F000" | "3D000" | "42P02" => Reason::MissingObject,
        _ if code.starts_with("28") => Reason::Permission,
        // A function may raise whatever code it likes: the session has ended only where the severity says so.
        _ if is_fatal => Reason::Connection,
        _ if code.starts_with("22") => Reason::Cast,
        _ => Reason::Other,
    }
}

/// Log lines and metric pages hold one line per message.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(sqlstate: &str, message: &str) -> Failure {
        Failure {
            sqlstate: Some(sqlstate.into()),
            ..Failure::connection(message)
        }
    }

    #[test]
    fn all_that_was_tried_is_told_once() {
        assert_eq!(Failure::all(Vec::new()), None);
        let refused = Failure::connection("a: refused");
        assert_eq!(
            Failure::all(vec![refused.clone(), refused.clone()]),
            Some(refused.clone())
        );
        let starting = told("57P03", "b: the database system is starting up");
        let silent = Failure::timeout("c: silent");
        let all = Failure::all(vec![starting, refused, silent]);
        let text = "a: refused; c: silent; b: the database system is starting up (SQLSTATE 57P03)";
        assert_eq!(all.as_ref().map(Failure::to_string).as_deref(), Some(text));
        assert!(all.is_some_and(|failure| failure.is_starting()));
    }

    #[test]
    fn a_server_that_will_not_have_us_is_told_from_one_that_is_not_there() {
        for code in ["28P01", "28000", "3D000", "53300", "42501"] {
            assert!(told(code, "").is_final(), "{code}");
        }
        for code in ["57P03", "57P01", "08006"] {
            assert!(!told(code, "").is_final(), "{code}");
        }
        assert!(!Failure::connection("refused").is_final());
    }

    #[test]
    fn sqlstates_become_reasons() {
        let table = [
            (
                "57014",
                "canceling statement due to statement timeout",
                Reason::Timeout,
            ),
            (
                "57014",
                "canceling statement due to lock timeout",
                Reason::LockTimeout,
            ),
            ("57014", "canceling statement due to user request", Reason::Other),
            (
                "55P03",
                "canceling statement due to lock timeout",
                Reason::LockTimeout,
            ),
            (
                "53400",
                "temporary file size exceeds temp_file_limit",
                Reason::Other,
            ),
            (
                "42501",
                "permission denied for function pg_ls_waldir",
                Reason::Permission,
            ),
            ("28P01", "password authentication failed", Reason::Permission),
            ("42703", "column x does not exist", Reason::MissingColumn),
            ("42P01", "relation x does not exist", Reason::MissingObject),
            ("53300", "sorry, too many clients already", Reason::Connection),
            (
                "57P01",
                "terminating connection due to administrator command",
                Reason::Connection,
            ),
            ("22P02", "invalid input syntax", Reason::Cast),
            ("54000", "the result has more than 5 rows", Reason::TooLarge),
            ("XX000", "something internal", Reason::Other),
        ];
        for (code, message, reason) in table {
            let is_fatal = matches!(code, "53300" | "57P01");
            assert_eq!(classify(code, message, is_fatal), reason, "{code} {message}");
        }
    }
}
