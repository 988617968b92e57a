//! How statements are sent to a database.

use serde::Serialize;

use crate::catalog::facts::Kind;
use crate::scrape::DatabaseOverview;

/// How statements are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Protocol {
    /// Prepared once for each connection.
    Prepared,
    /// Unnamed, by the simple protocol.
    Simple,
}

/// What to tell people where they could wonder: a pooler between the exporter and the server does not keep what is prepared.
/// That pgbouncer's own console knows nothing else needs no word.
const POOLED: &str = "simple (through a pooler, so statements run unnamed instead of prepared)";

impl Protocol {
    /// As the last session of the database had it.
    pub(super) fn of(database: &DatabaseOverview) -> Self {
        match database.kind {
            Some(Kind::Pooled | Kind::Pgbouncer) => Self::Simple,
            Some(Kind::Postgres) | None => Self::Prepared,
        }
    }
}

/// The line on the protocol for people, indented by so many spaces; empty where there is nothing to tell.
pub(super) fn remark(indent: usize, is_pooled: bool) -> String {
    if is_pooled {
        format!("{:indent$}Protocol: {POOLED}\n", "")
    } else {
        String::new()
    }
}

/// Whether the database was reached through a pooler.
pub(super) fn is_pooled(database: &DatabaseOverview) -> bool {
    database.kind == Some(Kind::Pooled)
}
