//! A statement where a pooler ends the transaction with each message (`pool_mode=statement`): its settings go before it, in one
//! text.

use std::time::Duration;

use super::timeouts::HAS_LOCK_TIMEOUT;
use super::{Limits, SESSION, SHARED};
use crate::postgres::search_path::{self, SearchPath};

/// A statement as it is sent where a pooler ends the transaction with each message: behind its settings, in one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::postgres) struct OneMessage {
    pub(in crate::postgres) text: String,
    /// Commands before the statement, each of which is answered.
    pub(in crate::postgres) commands: usize,
    /// Characters before it.
    pub(in crate::postgres) offset: u32,
}

impl Limits {
    /// A statement behind its settings. They hold in the transaction that a server makes of a message with several statements: as
    /// it needs no `BEGIN`, a pooler that refuses transactions lets it through.
    pub(in crate::postgres) fn in_one_message(
        &self,
        path: SearchPath<'_>,
        limit: Duration,
        sql: &str,
    ) -> OneMessage {
        let set = |name: &str, value: &str| {
            format!(
                "pg_catalog.set_config('{name}', {}, true)",
                search_path::literal(value)
            )
        };
        let milliseconds = limit.as_millis().clamp(1, i32::MAX as u128);
        let mut settings = vec![
            set("transaction_read_only", "on"),
            set("DateStyle", "ISO"),
            set("statement_timeout", &milliseconds.to_string()),
        ];
        settings.extend(self.besides.iter().map(|(name, value)| set(name, value)));
        if path == SearchPath::Catalog {
            settings.push(set(SESSION, SHARED));
        }
        if self.version >= HAS_LOCK_TIMEOUT {
            settings.push(set("lock_timeout", &(milliseconds * 4 / 5).max(1).to_string()));
        }
        // What is sent as text is translated by the server where it has letters beyond ASCII.
        if self.is_raw && sql.is_ascii() {
            settings.push(set("client_encoding", "SQL_ASCII"));
        }
        // The path comes last: what sets the limits has names that it could change.
        settings.extend(self.path(path).map(|path| set("search_path", &path)));
        let mut commands = Vec::new();
        if let SearchPath::Defined { settings, .. } = path {
            commands.extend(settings.iter().map(pg_exporter_schema::Setting::set_local));
        }
        commands.push(format!("SELECT {}", settings.join(", ")));
        let before = commands.join("; ") + "; ";
        OneMessage {
            offset: u32::try_from(before.chars().count()).unwrap_or(u32::MAX),
            text: before + sql,
            commands: commands.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::facts::Kind;

    const LIMIT: Duration = Duration::from_millis(100);

    #[test]
    fn where_each_message_is_a_transaction_settings_go_before_the_statement() {
        let mut limits = Limits::new(Kind::Pooled, 150_018, false);
        limits.set_by_message();
        assert_eq!(
            (limits.before(LIMIT), limits.after(SearchPath::Role)),
            (None, None)
        );
        let message = limits.in_one_message(SearchPath::Catalog, LIMIT, "SELECT 1");
        assert!(
            message
                .text
                .starts_with("SELECT pg_catalog.set_config('transaction_read_only', E'on', true)")
        );
        assert!(
            message.text.ends_with("E'pg_catalog, pg_temp', true); SELECT 1"),
            "{}",
            message.text
        );
        assert_eq!(
            (message.commands, message.offset as usize),
            (1, message.text.len() - 8)
        );
        assert!(message.text.contains("('pg_exporter.session', E'shared', true)"));
        let message = limits.in_one_message(SearchPath::Role, LIMIT, "SELECT 1");
        assert!(!message.text.contains("search_path") && !message.text.contains("BEGIN"));
    }
}
