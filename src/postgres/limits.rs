//! What a statement is surrounded by: the server's time limits, and a transaction where its settings must not stay.

mod clock;
mod one_message;
mod timeouts;

use std::time::Duration;

pub(in crate::postgres) use self::clock::ServerClock;
use self::timeouts::fixed;
pub(in crate::postgres) use self::timeouts::{checkpoint, checkpoint_text, milliseconds};
use super::search_path;
use super::search_path::SearchPath;
use crate::catalog::facts::Kind;

/// What goes before a statement, in the same message, where a session may not be set up: a pooler's session has whatever isolation
/// others have made the default, and a standby answers nothing where that is serializable.
pub(in crate::postgres) const READ_COMMITTED: &str = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; ";

/// What tells shipped statements that others have the session before and after them: such a statement leaves nothing in it, and
/// trusts nothing that it finds.
const SESSION: &str = "pg_exporter.session";
const SHARED: &str = "shared";

/// A session's limits, and what it must know to set them.
#[derive(Debug)]
pub(in crate::postgres) struct Limits {
    kind: Kind,
    version: u32,
    /// Whether text comes as the server has it, and statements must be plain ASCII.
    is_raw: bool,
    /// What the server's `statement_timeout` is set to, once that is known.
    set: Option<Duration>,
    /// The server's clock, as read with the last facts.
    pub(in crate::postgres) clock: Option<ServerClock>,
    /// The role's own search path, once it was asked for.
    pub(in crate::postgres) role_path: Option<String>,
    /// Whether a pooler in between ends the transaction with each message.
    is_by_message: bool,
    /// What else is set in each transaction of a pooler's session, name and value.
    besides: Box<[(&'static str, &'static str)]>,
}

/// How long a statement may take.
#[derive(Clone, Copy, Debug)]
pub(in crate::postgres) enum Limit {
    /// So long.
    Time(Duration),
    /// So long, but not beyond that time of the server's clock in milliseconds.
    Until(Duration, f64),
}

impl Limits {
    /// The limits of a session of which nothing is known.
    pub(in crate::postgres) fn new(kind: Kind, version: u32, is_raw: bool) -> Self {
        Self {
            kind,
            version,
            is_raw,
            set: None,
            clock: None,
            role_path: None,
            is_by_message: false,
            besides: Box::default(),
        }
    }

    pub(in crate::postgres) fn kind(&self) -> Kind {
        self.kind
    }

    /// The server has told the number of its version.
    pub(in crate::postgres) fn knows_version(&mut self, version: u32) {
        self.version = version;
    }

    /// There is a pooler in between, which did not show at first.
    pub(in crate::postgres) fn set_pooled(&mut self) {
        self.kind = Kind::Pooled;
    }

    /// The pooler ends the transaction with each message.
    pub(in crate::postgres) fn set_by_message(&mut self) {
        self.is_by_message = true;
    }

    /// In each transaction of a pooler's session that is set, too.
    pub(in crate::postgres) fn sets_besides(&mut self, settings: Box<[(&'static str, &'static str)]>) {
        self.besides = settings;
    }

    /// Whether it does.
    pub(in crate::postgres) fn is_by_message(&self) -> bool {
        self.is_by_message
    }

    /// Whether the limit is the session's already.
    pub(in crate::postgres) fn is_set(&self, timeout: Duration) -> bool {
        self.set == Some(timeout)
    }

    /// Of what is set nothing is known any more.
    pub(in crate::postgres) fn forget(&mut self) {
        self.set = None;
    }

    /// What to send before a statement of ours that may take so long; `None` where nothing is to be changed.
    pub(in crate::postgres) fn before(&mut self, timeout: Duration) -> Option<String> {
        self.before_on(SearchPath::Catalog, Limit::Time(timeout))
    }

    /// What to send before a statement with that path and that limit; `None` where nothing is to be changed.
    pub(in crate::postgres) fn before_on(&mut self, path: SearchPath<'_>, limit: Limit) -> Option<String> {
        if self.kind == Kind::Pgbouncer || self.is_by_message {
            return None;
        }
        if self.is_alone(path) {
            return Some(self.begin(path, limit));
        }
        match limit {
            Limit::Time(timeout) if self.is_set(timeout) => None,
            Limit::Time(timeout) | Limit::Until(timeout, _) => {
                self.set = Some(timeout);
                Some(self.sql(limit, false))
            }
        }
    }

    /// What to send after a statement with that path; `None` where nothing is to be ended.
    pub(in crate::postgres) fn after(&self, path: SearchPath<'_>) -> Option<&'static str> {
        // Locks of the session would outlive the transaction. What is shipped takes none.
        let end = match self.kind {
            Kind::Postgres if !path.is_shipped() => "ROLLBACK; SELECT pg_catalog.pg_advisory_unlock_all()",
            _ => "ROLLBACK",
        };
        self.is_alone(path).then_some(end)
    }

    /// What to send before and after a statement whose text is sent, given what [`before_on`](Self::before_on) says: it is
    /// translated by the server where it has letters beyond ASCII.
    pub(in crate::postgres) fn translated(
        &self,
        sql: &str,
        path: SearchPath<'_>,
        before: Option<String>,
    ) -> (Option<String>, Option<String>) {
        let after = self.after(path).map(str::to_owned);
        if sql.is_ascii() || !self.is_raw || self.kind == Kind::Pgbouncer || self.is_by_message {
            return (before, after);
        }
        let before = before.map_or_else(String::new, |before| format!("{before}; "));
        if after.is_some() {
            return (Some(format!("{before}SET LOCAL client_encoding = 'UTF8'")), after);
        }
        let again = "SET SESSION client_encoding = 'SQL_ASCII'".to_owned();
        (
            Some(format!("{before}SET SESSION client_encoding = 'UTF8'")),
            Some(again),
        )
    }

    /// A checkpoint is sent that sets such a limit.
    pub(in crate::postgres) fn is_checked(&mut self, timeout: Duration) {
        self.set = Some(timeout);
    }

    /// Whether a statement has a transaction of its own: where what it sets would stay, or what it needs may not.
    fn is_alone(&self, path: SearchPath<'_>) -> bool {
        match self.kind {
            Kind::Pgbouncer => false,
            Kind::Pooled => !self.is_by_message,
            Kind::Postgres => path != SearchPath::Catalog,
        }
    }

    fn begin(&self, path: SearchPath<'_>, limit: Limit) -> String {
        let is_pooled = self.kind == Kind::Pooled;
        let mut text = "BEGIN READ ONLY; ".to_owned();
        if is_pooled {
            text.push_str(READ_COMMITTED);
            for (name, value) in &self.besides {
                text.push_str(&format!("SET LOCAL {name} = '{value}'; "));
            }
            text.push_str("SET LOCAL DateStyle = 'ISO'; ");
            // What is shipped writes backslashes as they are meant.
            if path == SearchPath::Catalog {
                text.push_str("SET LOCAL standard_conforming_strings = on; ");
                text.push_str(&format!("SET LOCAL {SESSION} = '{SHARED}'; "));
            }
            if self.is_raw {
                text.push_str("SET LOCAL client_encoding = 'SQL_ASCII'; ");
            }
        }
        // The path comes last: what sets the limits has names that it could change.
        text.push_str(&self.sql(limit, true));
        if let SearchPath::Defined { settings, .. } = path {
            for setting in settings {
                text.push_str("; ");
                text.push_str(&setting.set_local());
            }
        }
        if let Some(path) = self.path(path) {
            text.push_str("; ");
            text.push_str(&search_path::set_local(&path));
        }
        text
    }

    /// The path to be set for a statement; none where it is set already.
    fn path(&self, path: SearchPath<'_>) -> Option<String> {
        match path {
            SearchPath::Defined { schemas, .. } if !schemas.is_empty() => {
                Some(pg_exporter_schema::search_path(schemas))
            }
            // Through a pooler the path is the role's.
            _ if path.is_of_role() && self.kind == Kind::Pooled => None,
            _ if path.is_of_role() => {
                let path = self.role_path.as_deref().unwrap_or(search_path::SERVERS_DEFAULT);
                Some(path.to_owned())
            }
            // It is the session's own.
            _ if self.kind == Kind::Postgres => None,
            _ => Some(search_path::SAFE.to_owned()),
        }
    }

    fn sql(&self, limit: Limit, is_local: bool) -> String {
        match limit {
            Limit::Time(timeout) => fixed(timeout, is_local, self.version),
            Limit::Until(timeout, end) => checkpoint_text(end, timeout, is_local, self.version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(100);

    #[test]
    fn limits_of_old_and_new_servers() {
        let mut old = Limits::new(Kind::Postgres, 90_204, false);
        assert_eq!(
            old.before(LIMIT).as_deref(),
            Some("SET SESSION statement_timeout = 100")
        );
        let mut pooled = Limits::new(Kind::Pooled, 150_018, false);
        let text = pooled.before(LIMIT).unwrap_or_default();
        assert!(text.starts_with(
            "BEGIN READ ONLY; SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCAL DateStyle = 'ISO'; \
             SET LOCAL standard_conforming_strings = on; SET LOCAL pg_exporter.session = 'shared'; \
             SET LOCAL statement_timeout = 100; "
        ));
        assert!(text.ends_with("E'pg_catalog, pg_temp', true)"), "{text}");
        assert_eq!(pooled.after(SearchPath::Catalog), Some("ROLLBACK"));
    }

    #[test]
    fn a_limit_is_set_where_it_differs() {
        let mut limits = Limits::new(Kind::Postgres, 180_000, false);
        assert!(limits.before(LIMIT).is_some() && limits.before(LIMIT).is_none());
        let alone = limits
            .before_on(SearchPath::Role, Limit::Time(LIMIT))
            .unwrap_or_default();
        assert!(alone.contains(r#"E'"$user", public', true)"#), "{alone}");
        assert!(
            limits
                .after(SearchPath::Role)
                .is_some_and(|end| end.starts_with("ROLLBACK;"))
        );
        assert_eq!(limits.after(SearchPath::Catalog), None);
        assert!(
            limits.before(LIMIT).is_none(),
            "what was set in a transaction has ended with it"
        );
        limits.forget();
        assert!(limits.before(LIMIT).is_some());
    }

    #[test]
    fn what_a_definition_says_holds_in_a_transaction_of_its_own() {
        let collector = pg_exporter_schema::Collector {
            search_path: vec!["shop".into(), "public".into()].into(),
            settings: vec![pg_exporter_schema::Setting {
                name: "work_mem".into(),
                value: "64MB".into(),
            }]
            .into(),
            ..pg_exporter_schema::Collector::default()
        };
        let path = SearchPath::of(&collector, true);
        assert!(!path.is_of_role(), "the definition names schemas");
        for kind in [Kind::Postgres, Kind::Pooled] {
            let mut limits = Limits::new(kind, 180_000, false);
            let text = limits.before_on(path, Limit::Time(LIMIT)).unwrap_or_default();
            assert!(text.starts_with("BEGIN READ ONLY; "), "{text}");
            assert!(text.contains(r#"; SET LOCAL "work_mem" = '64MB'; "#), "{text}");
            assert!(text.ends_with(r#"E'"shop", "public"', true)"#), "{text}");
            let end = limits.after(path).unwrap_or_default();
            assert!(end.starts_with("ROLLBACK"), "{end}");
        }
        let shipped = pg_exporter_schema::Collector {
            search_path: Vec::new().into(),
            ..collector
        };
        let path = SearchPath::of(&shipped, false);
        let text = Limits::new(Kind::Postgres, 180_000, false).before_on(path, Limit::Time(LIMIT));
        let text = text.unwrap_or_default();
        assert!(
            text.ends_with(r#"; SET LOCAL "work_mem" = '64MB'"#),
            "the path is the session's own: {text}"
        );
        let limits = Limits::new(Kind::Postgres, 180_000, false);
        assert_eq!(
            limits.after(path),
            Some("ROLLBACK"),
            "it takes no lock of the session"
        );
        let of_site = SearchPath::of(&shipped, true);
        assert!(
            limits
                .after(of_site)
                .is_some_and(|end| end.contains("advisory_unlock"))
        );
        let plain = pg_exporter_schema::Collector::default();
        assert_eq!(SearchPath::of(&plain, true), SearchPath::Role);
        assert_eq!(SearchPath::of(&plain, false), SearchPath::Catalog);
    }
}
