//! The first statement of a session: what answers, its role, and the settings of a session that is ours alone.

use std::time::Duration;

use tokio_postgres::SimpleQueryMessage;

use super::imposed::{self, Imposed};
use crate::catalog::facts::Kind;
use crate::postgres::failure::{Failure, Reason};
use crate::postgres::limits::READ_COMMITTED;
use crate::postgres::session::Session;

/// The first version that has `transaction_timeout`.
pub(in crate::postgres) const HAS_TRANSACTION_TIMEOUT: u32 = 170_000;

/// The first version that has `idle_session_timeout`.
const HAS_IDLE_SESSION_TIMEOUT: u32 = 140_000;

/// For how long the server goes on with letting us in when nobody waits for it any more.
const LOGIN_LIMIT: Duration = Duration::from_secs(10);

/// What each session needs, whatever `ALTER DATABASE` and `ALTER ROLE` say: one error does not end it, and a backslash in a shipped
/// statement means itself. And a standby answers, which it does not where transactions are serializable, not even while it lets us in
/// (a login trigger).
///
/// And whatever role the owner of a database has chosen for its sessions, ours begin as who they are: what somebody has chosen who
/// may is set then ([`Imposed`]). Options given have the last word on it.
const SELF: &str = "-c role=none";
const OURS: &str = "-c exit_on_error=off -c standard_conforming_strings=on";
const ISOLATION: &str = "-c default_transaction_isolation=read\\ committed";

/// What a server says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::postgres) struct Introduction {
    /// Whether the session is ours alone, and set up: there is no pooler in between.
    pub(in crate::postgres) is_ours: bool,
    /// Whether the server is in recovery.
    pub(in crate::postgres) in_recovery: bool,
    /// Whether transactions were read-only by default, before our own settings.
    pub(in crate::postgres) read_only: bool,
}

/// Asks the server for its introduction, and for what others have set for the database's sessions, in one round trip.
pub(in crate::postgres) async fn introduce(
    session: &mut Session,
    token: &PoolerToken,
) -> Result<(Introduction, Imposed), Failure> {
    let plain = statement(token);
    // Not every service knows more than one isolation. Who refuses the default is asked again: a pooler may ignore options. And who
    // may not see what is set for databases and roles goes without.
    let texts = [
        format!("{plain}; {}", imposed::STATEMENT),
        format!("{READ_COMMITTED}{plain}; {}", imposed::STATEMENT),
        format!("{READ_COMMITTED}{plain}"),
    ];
    let first = usize::from(session.kind() == Kind::Pooled);
    let mut answer = Err(Failure::new(Reason::Other, "nothing was asked"));
    let mut asks_for_settings = true;
    for text in texts.iter().skip(first) {
        asks_for_settings = text.ends_with(imposed::STATEMENT);
        answer = session.client.simple_query(text).await.map_err(Failure::from);
        if !answer.as_ref().is_err_and(may_go_without) {
            break;
        }
    }
    let answer = answer?;
    let mut rows = answer.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let row = rows
        .next()
        .ok_or_else(|| Failure::new(Reason::Other, "the server does not introduce itself"))?;
    let is = |column: usize, word: &str| row.try_get(column).ok().flatten() == Some(word);
    let introduction = Introduction {
        is_ours: is(0, "t"),
        in_recovery: is(1, "t"),
        read_only: is(2, "on"),
    };
    if let Some(version) = row
        .try_get(4)
        .ok()
        .flatten()
        .and_then(|number| number.parse().ok())
    {
        session.knows_version(version);
    }
    let imposed = match asks_for_settings {
        true => Imposed::of(rows),
        false => Imposed::unknown(),
    };
    Ok((introduction, imposed))
}

/// Whether the server may have refused a part of the text alone: a service does so by whatever code.
fn may_go_without(failure: &Failure) -> bool {
    failure.sqlstate.is_some() && !failure.ends_session()
}

/// What is asked, and set only where the token shows that nobody else's session could be meant. Through a pooler it runs on
/// whatever search path: its names are qualified, its operators too.
/// The number of the version counts, not its text in the greeting, which vendors write as they like.
fn statement(token: &PoolerToken) -> String {
    // Statements bring their own time limits. Catalog statements over many relations look expensive to the planner and
    // gain nothing from compilation, which there is from 11 on.
    let set = |name, value| format!("pg_catalog.set_config('{name}', '{value}', false)");
    let since = |version: u32, what: String| {
        format!("CASE WHEN s.version::pg_catalog.int4 OPERATOR(pg_catalog.>=) {version} THEN {what} END")
    };
    // Where the server's system can tell: a client that has gone, or is cut off, ends what it runs.
    let on_linux = |name, value| {
        format!(
            "CASE WHEN pg_catalog.strpos(pg_catalog.version(), 'linux') OPERATOR(pg_catalog.>) 0 \
             AND pg_catalog.current_setting('{name}') OPERATOR(pg_catalog.=) '0' \
             THEN pg_catalog.set_config('{name}', '{value}', false) END"
        )
    };
    // What the server cannot translate would fail as a whole over one name: such text comes as it is.
    let as_it_is = format!(
        "CASE WHEN pg_catalog.current_setting('server_encoding') OPERATOR(pg_catalog.<>) 'UTF8' THEN {} END",
        set("client_encoding", "SQL_ASCII")
    );
    let before_options_with_spaces = format!(
        "CASE WHEN s.version::pg_catalog.int4 OPERATOR(pg_catalog.<) 90500 THEN {} END",
        set("default_transaction_isolation", "read committed")
    );
    let set = [
        set("default_transaction_read_only", "on"),
        before_options_with_spaces,
        set("client_min_messages", "warning"),
        set("DateStyle", "ISO"),
        as_it_is,
        since(110_000, set("jit", "off")),
        since(120_000, on_linux("tcp_user_timeout", "30000")),
        since(140_000, on_linux("client_connection_check_interval", "500")),
        since(HAS_TRANSACTION_TIMEOUT, set("transaction_timeout", "0")),
    ]
    .join(", ");
    format!(
        "SELECT s.is_ours, s.in_recovery, s.read_only, CASE WHEN s.is_ours THEN pg_catalog.concat({set}) END, s.version FROM \
         (SELECT pg_catalog.current_setting('statement_timeout') OPERATOR(pg_catalog.=) '{shown}' AS is_ours, \
         pg_catalog.pg_is_in_recovery() AS in_recovery, \
         pg_catalog.current_setting('default_transaction_read_only') AS read_only, \
         pg_catalog.current_setting('server_version_num') AS version OFFSET 0) s",
        shown = token.shown()
    )
}

/// A statement limit as an option of the start-up exchange, and the proof that the server got it.
///
/// A pooler refuses options, or ignores them. Either way it is known before anything is set: settings made through it
/// would go to whoever gets the pooled connection next.
#[derive(Debug)]
pub(in crate::postgres) struct PoolerToken {
    /// The connect timeout and some milliseconds that make it a value that nobody else has set.
    milliseconds: u128,
}

impl PoolerToken {
    pub(in crate::postgres) fn new(limit: Duration) -> Self {
        let whole = limit.as_millis().clamp(1, 1_000_000);
        Self {
            milliseconds: whole / 1_000 * 1_000 + u128::from(fastrand::u32(1..1_000)) + 1_000,
        }
    }

    /// The options given, the search path of our own, and the limit. A client that has vanished from the network is noticed
    /// within half a minute: it would hold a connection for two hours by most systems' defaults. Options given have the last
    /// word on that. `version` is what the server was when it last answered: one that knows how ends what hangs before it
    /// has let us in, a login trigger for one.
    ///
    /// Whoever owns the database sets what he likes for its sessions: ours are as they must be ([`OURS`]). One whose sessions
    /// end while they say nothing for a moment is `hasty`.
    pub(in crate::postgres) fn options(&self, given: Option<&str>, version: u32, is_hasty: bool) -> String {
        let patience = match is_hasty && version >= HAS_IDLE_SESSION_TIMEOUT {
            true => " -c idle_session_timeout=0",
            false => "",
        };
        format!("{ISOLATION} {}{patience}", self.plain_options(given, version))
    }

    /// The same for a server before 9.5, where no option can hold a space.
    pub(in crate::postgres) fn plain_options(&self, given: Option<&str>, version: u32) -> String {
        let login = if version >= HAS_TRANSACTION_TIMEOUT {
            format!(
                " -c transaction_timeout={}",
                self.milliseconds.max(LOGIN_LIMIT.as_millis())
            )
        } else {
            String::new()
        };
        format!(
            "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=4 {SELF} {} \
             -c search_path=pg_catalog,pg_temp {OURS}{login} -c statement_timeout={}",
            given.unwrap_or_default(),
            self.milliseconds
        )
    }

    /// The limit as the server shows it: never a whole number of seconds.
    pub(in crate::postgres) fn shown(&self) -> String {
        format!("{}ms", self.milliseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_given_are_kept() {
        let token = PoolerToken::new(Duration::from_secs(1));
        let milliseconds = token.milliseconds;
        let end = format!(
            " -c work_mem=1MB -c search_path=pg_catalog,pg_temp {OURS} -c statement_timeout={milliseconds}"
        );
        assert!(token.options(Some("-c work_mem=1MB"), 0, true).ends_with(&end));
        assert!(
            !milliseconds.is_multiple_of(1_000),
            "the server would show {milliseconds} in seconds"
        );
    }
}
