//! The first statement of a session: what answers, its role, and the settings of a session that is ours alone.

use std::time::Duration;

use tokio_postgres::SimpleQueryMessage;

use crate::postgres::failure::{Failure, Reason};
use crate::postgres::session::Session;

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

impl Session {
    /// Asks the server for its introduction, in one round trip.
    pub(in crate::postgres) async fn introduction(
        &self,
        guard: &PoolerToken,
    ) -> Result<Introduction, Failure> {
        let answer = self
            .client
            .simple_query(&statement(self.version(), guard))
            .await?;
        let row = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let row = row.ok_or_else(|| Failure::new(Reason::Other, "the server does not introduce itself"))?;
        let is = |column: usize, word: &str| row.try_get(column).ok().flatten() == Some(word);
        Ok(Introduction {
            is_ours: is(0, "t"),
            in_recovery: is(1, "t"),
            read_only: is(2, "on"),
        })
    }
}

/// What is asked, and set only where the guard shows that nobody else's session could be meant.
fn statement(version: u32, guard: &PoolerToken) -> String {
    // Statements bring their own time limits. Catalog statements over many relations look expensive to the planner and
    // gain nothing from compilation, which there is from 11 on.
    let mut settings = vec![
        ("default_transaction_read_only", "on"),
        ("client_min_messages", "warning"),
        ("DateStyle", "ISO"),
    ];
    if version >= 110_000 {
        settings.push(("jit", "off"));
    }
    let set = |(name, value)| format!(", pg_catalog.set_config('{name}', '{value}', false)");
    let set: String = settings.into_iter().map(set).collect();
    format!(
        "SELECT s.is_ours, s.in_recovery, s.read_only, CASE WHEN s.is_ours THEN pg_catalog.concat(''{set}) END FROM \
         (SELECT pg_catalog.current_setting('statement_timeout') OPERATOR(pg_catalog.=) '{shown}' AS is_ours, \
         pg_catalog.pg_is_in_recovery() AS in_recovery, \
         pg_catalog.current_setting('default_transaction_read_only') AS read_only OFFSET 0) s",
        shown = guard.shown()
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

    /// The options given, and the limit. A client that has vanished from the network is noticed within a minute: it would
    /// hold a connection for two hours by most systems' defaults. Options given have the last word on that.
    pub(in crate::postgres) fn options(&self, given: Option<&str>) -> String {
        format!(
            "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 {} -c statement_timeout={}",
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
    fn jit_is_not_set_where_it_does_not_exist() {
        let guard = PoolerToken::new(Duration::from_secs(1));
        assert!(!statement(100_023, &guard).contains("jit"));
        assert!(statement(110_022, &guard).contains("jit"));
    }

    #[test]
    fn options_given_are_kept() {
        let guard = PoolerToken::new(Duration::from_secs(1));
        let milliseconds = guard.milliseconds;
        let end = format!(" -c work_mem=1MB -c statement_timeout={milliseconds}");
        assert!(guard.options(Some("-c work_mem=1MB")).ends_with(&end));
        assert!(
            !milliseconds.is_multiple_of(1_000),
            "the server would show {milliseconds} in seconds"
        );
    }
}
