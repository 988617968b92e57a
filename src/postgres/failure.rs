//! Why something about the target failed: one reason, the SQLSTATE, a message without secrets.

use std::error::Error;
use std::fmt;
use std::time::Duration;

mod of_driver;
mod reason;

pub use reason::Reason;

/// What the time that the server allows may differ from ours: this process may have waited for a processor, and the answer before on
/// its way.
const CLOCKS_APART: Duration = Duration::from_millis(100);
const PART_APART: u32 = 10;

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
    /// Whether the role lacks a privilege: by its code alone, a file that the server may not write is the same.
    pub lacks_privilege: bool,
    /// Whether the server has ended the session with it, whatever its reason.
    pub is_fatal: bool,
    /// Whom it concerns.
    pub concerns: Concerns,
}

/// Whom a connect that failed concerns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Concerns {
    /// Whoever connects, for all that is known.
    #[default]
    Anybody,
    /// Our role, database or files alone: others may be let in.
    Us,
    /// The same, and no other transport would help.
    UsByAnyTransport,
    /// Our database alone: the role may be let into others.
    Database,
    /// Whoever connects just now, as there is no place: what would become of others if there were is not known.
    WhoeverIsLate,
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
            lacks_privilege: false,
            is_fatal: false,
            concerns: Concerns::Anybody,
        }
    }

    /// The same, of which the server knows nothing.
    #[must_use]
    pub(crate) fn of_our_own(self) -> Self {
        Self {
            concerns: Concerns::Us,
            ..self
        }
    }

    /// The same, as there was no place for another connection.
    #[must_use]
    pub(crate) fn for_want_of_a_place(self) -> Self {
        Self {
            concerns: Concerns::WhoeverIsLate,
            ..self
        }
    }

    /// The same, of one database: the others are well for all that is known.
    #[must_use]
    pub(in crate::postgres) fn of_database(self) -> Self {
        Self {
            concerns: Concerns::Database,
            ..self
        }
    }

    /// Whether the server is there for other databases: it has answered, and is not starting up, or only this one is left alone.
    #[must_use]
    pub(crate) fn leaves_others(&self) -> bool {
        let has_answered = self.sqlstate.is_some() && !self.is_starting();
        has_answered || self.concerns == Concerns::Database
    }

    /// Whether a connect failed for a reason that concerns our role, database or files alone: a password, a rule, a limit.
    #[must_use]
    pub(crate) fn is_our_own(&self) -> bool {
        self.concerns != Concerns::Anybody
    }

    /// Whether a connect failed because there was no place for it, among those that we may have or on the server. Where
    /// storage hangs all places are soon taken by those who wait for it, too.
    #[must_use]
    pub(crate) fn is_for_want_of_a_place(&self) -> bool {
        self.concerns == Concerns::WhoeverIsLate
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

    /// The same, where the server has said a secret again that it was told.
    #[must_use]
    pub(in crate::postgres) fn hiding(self, secret: &str) -> Self {
        let squeezed = secret.split_whitespace().collect::<Vec<_>>().join(" ");
        Self {
            message: match [secret.to_owned(), squeezed]
                .iter()
                .any(|said| self.message.contains(said))
            {
                // A word that is masked within a sentence may be read off the sentence.
                true => "the server repeats the password: what it says is not shown".into(),
                false => self.message,
            },
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

    /// Whether the session is of no more use: the server has ended it, it is lost, or an answer did not come, so that none behind
    /// it will.
    #[must_use]
    pub(crate) fn ends_session(&self) -> bool {
        let is_silence = self.reason == Reason::Timeout && self.sqlstate.is_none();
        self.is_fatal || self.reason == Reason::Connection || is_silence
    }

    /// The same of a statement that has run for at most so long. The server tells by one code that a statement took all the time that it
    /// was allowed, and that somebody has cancelled it, and which of the two it was in words of its own language. Our own requests come
    /// when nobody waits for the answer any more.
    #[must_use]
    pub(crate) fn after(self, at_most: Duration, allowed: Duration) -> Self {
        let is_early = at_most + CLOCKS_APART.max(allowed / PART_APART) < allowed;
        match self.sqlstate.as_deref() {
            Some("57014") if is_early && self.reason == Reason::Timeout => Self {
                reason: Reason::Other,
                ..self
            },
            _ => self,
        }
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
        let is_refusal = self
            .sqlstate
            .as_deref()
            .is_some_and(|code| code.starts_with("28"));
        is_refusal || self.is_full()
    }

    /// Whether the server, or the role, has no connection left.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.sqlstate.as_deref() == Some("53300") && self.concerns != Concerns::Database
    }

    /// Whether a start-up option cannot be read: before 9.5 none can hold a space.
    #[must_use]
    pub fn is_malformed_option(&self) -> bool {
        match self.sqlstate.as_deref() {
            Some("42601") => true,
            // The first half of such an option. A setting's name is in no language.
            Some("22023") => self.message.contains("default_transaction_isolation"),
            _ => false,
        }
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

    /// Whether the server has ended the session because it did nothing for too long (57P05), or its transaction took too long
    /// (25P04).
    #[must_use]
    pub fn is_of_haste(&self) -> bool {
        matches!(self.sqlstate.as_deref(), Some("57P05" | "25P04"))
    }

    /// Whether asking again is useless until something on the server changes: what the statement names is not there
    /// or not allowed. Repeating it would only fill the server's log.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        self.sqlstate
            .as_deref()
            .is_some_and(|code| code.starts_with("42") || code == "0A000" || code == "3F000")
    }

    /// Whether what was called cannot be had there, by the role or by anybody, as opposed to having failed.
    #[must_use]
    pub(in crate::postgres) fn is_not_to_be_had(&self) -> bool {
        self.lacks_privilege || matches!(self.sqlstate.as_deref(), Some("42883" | "0A000"))
    }

    /// Whether the server is well and only denies what was asked: to the role (42501), or to everybody.
    #[must_use]
    pub fn is_denial(&self) -> bool {
        self.sqlstate.as_deref() == Some("42501") || self.is_unsupported()
    }

    /// Whether the server does not do what was asked, whoever asks: it has no such thing (0A000), or is not in the state for it
    /// (55000). Managed services raise these in place of what a function tells.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        !self.is_result_changed && matches!(self.sqlstate.as_deref(), Some("0A000" | "55000"))
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
    fn what_is_denied_is_told_from_a_statement_that_is_stale() {
        for (code, denial, unsupported) in [
            ("42501", true, false),
            ("0A000", true, true),
            ("55000", true, true),
            ("55P03", false, false),
            ("42883", false, false),
        ] {
            let failure = told(code, "");
            let found = (failure.is_denial(), failure.is_unsupported());
            assert_eq!(found, (denial, unsupported), "{code}");
        }
        let stale = Failure {
            is_result_changed: true,
            ..told("0A000", "cached plan must not change result type")
        };
        assert!(stale.is_stale_statement() && !stale.is_denial() && !stale.is_unsupported());
    }

    #[test]
    fn who_has_cancelled_a_statement_is_known_by_the_time_that_it_had() {
        let second = Duration::from_secs(1);
        let told = |code: &str, reason, ran: f64| {
            let failure = Failure {
                reason,
                ..told(code, "annulation de la requête")
            };
            failure.after(second.mul_f64(ran), second).reason
        };
        let table = [
            ("57014", Reason::Timeout, 0.5, Reason::Other),
            ("57014", Reason::Timeout, 0.91, Reason::Timeout),
            ("57014", Reason::Timeout, 1.01, Reason::Timeout),
            ("57014", Reason::LockTimeout, 0.5, Reason::LockTimeout),
            ("25P04", Reason::Timeout, 0.5, Reason::Timeout),
            ("42501", Reason::Permission, 0.5, Reason::Permission),
        ];
        for (code, reason, ran, expected) in table {
            assert_eq!(told(code, reason, ran), expected, "{code} {reason:?} after {ran}");
        }
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
}
