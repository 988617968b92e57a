//! What the driver and the server say, as failures.

use std::error::Error as _;
use std::io;

use tokio_postgres::error::{DbError, Severity};

use super::reason::Reason;
use super::{Concerns, Failure};
use crate::postgres::conninfo::AuthenticationRefused;
use crate::postgres::meter::TOO_LARGE;

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
        let concerns = match is_of_require_auth(&error) {
            true => Concerns::UsByAnyTransport,
            false if is_of_what_we_answer(&error) => Concerns::Us,
            false => Concerns::Anybody,
        };
        Self {
            concerns,
            ..Self::new(reason, message)
        }
    }
}

/// Whether a connect ended because we have no answer to what the server asks us for: a password, or a method that the driver
/// does not know. The driver tells kinds of errors apart by its own words alone.
fn is_of_what_we_answer(error: &tokio_postgres::Error) -> bool {
    matches!(
        error.to_string().as_str(),
        "invalid configuration" | "authentication error"
    )
}

/// Whether a connect ended because the server asks for what `require_auth` does not allow.
fn is_of_require_auth(error: &tokio_postgres::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause
        .and_then(io::Error::get_ref)
        .is_some_and(|inner| inner.is::<AuthenticationRefused>())
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
        let is_fatal = is_fatal(error);
        let position = match error.position() {
            Some(tokio_postgres::error::ErrorPosition::Original(position)) => Some(*position),
            _ => None,
        };
        Self {
            reason: classify(code, error.message(), is_fatal),
            sqlstate: Some(code.into()),
            message: one_line(error.message()).into(),
            position,
            // The routine's name, as the message depends on lc_messages.
            is_result_changed: error.routine() == Some("RevalidateCachedQuery"),
            is_fatal,
            lacks_privilege: is_of_privileges(code, error.routine()),
            concerns: concerns(code, error.routine(), error.detail()),
        }
    }
}

/// Whom a connect that failed so concerns. The routine tells the limits of a database and of a role from that of the server, and a
/// privilege from a file system that has gone read-only, which is told as 42501, too: whatever the language. A database whose folder
/// is missing is told by the code of one that does not exist: then the detail holds the folder's path.
fn concerns(code: &str, routine: Option<&str>, detail: Option<&str>) -> Concerns {
    let names_folder = |detail: &str| ["base/", "pg_tblspc/"].iter().any(|path| detail.contains(path));
    match (code, routine) {
        ("53300", Some("CheckMyDatabase")) => Concerns::Database,
        ("53300", Some("InitializeSessionUserId")) => Concerns::Us,
        ("53300", _) => Concerns::WhoeverIsLate,
        ("3D000", _) if detail.is_some_and(names_folder) => Concerns::Anybody,
        ("42501" | "55000", Some("CheckMyDatabase")) | ("3D000", _) => Concerns::Us,
        _ if code.starts_with("28") => Concerns::Us,
        _ => Concerns::Anybody,
    }
}

/// Whether a privilege is lacking. The code of that is also what a server says when its system denies it a file, as one that has
/// gone read-only does. Which it is shows by who says it: the check of privileges, or a function that raises what it likes.
fn is_of_privileges(code: &str, routine: Option<&str>) -> bool {
    code == "42501" && matches!(routine, Some("aclcheck_error" | "exec_stmt_raise"))
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
        // 9.3 alone: later ones have a code for it.
        "57014" if message.contains("lock timeout") => Reason::LockTimeout,
        // Or somebody else has cancelled it: `Failure::after` tells.
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

    #[test]
    fn whom_a_refusal_concerns() {
        let table = [
            ("53300", Some("InitializeSessionUserId"), Concerns::Us),
            ("53300", Some("CheckMyDatabase"), Concerns::Database),
            ("53300", Some("InitProcess"), Concerns::WhoeverIsLate),
            ("53300", Some("InitPostgres"), Concerns::WhoeverIsLate),
            ("53300", Some("ProcessStartupPacket"), Concerns::WhoeverIsLate),
            ("53300", None, Concerns::WhoeverIsLate),
            ("42501", Some("CheckMyDatabase"), Concerns::Us),
            ("42501", Some("load_relmap_file"), Concerns::Anybody),
            ("55000", Some("CheckMyDatabase"), Concerns::Us),
            ("55000", None, Concerns::Anybody),
            ("28P01", Some("auth_failed"), Concerns::Us),
            ("28000", None, Concerns::Us),
            ("3D000", Some("InitPostgres"), Concerns::Us),
            ("57P03", Some("ProcessStartupPacket"), Concerns::Anybody),
            ("58P01", None, Concerns::Anybody),
        ];
        for (code, routine, expected) in table {
            assert_eq!(concerns(code, routine, None), expected, "{code} {routine:?}");
        }
        let of_missing = |detail: &str| concerns("3D000", Some("InitPostgres"), Some(detail));
        for folder in ["base/5", "pg_tblspc/16385/PG_18_202506291/16386"] {
            let detail = format!("The database subdirectory \"{folder}\" is missing.");
            assert_eq!(of_missing(&detail), Concerns::Anybody, "{detail}");
        }
        assert_eq!(
            of_missing("It seems to have just been dropped or renamed."),
            Concerns::Us
        );
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
            (
                "57014",
                "storniere Anfrage wegen Benutzeraufforderung",
                Reason::Timeout,
            ),
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
