//! How statements are sent to a database.

use serde::Serialize;

use crate::scrape::DatabaseOverview;

/// How statements are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Protocol {
    /// Prepared once for each connection.
    Prepared,
    /// Unnamed, by the simple protocol: a pooler between the exporter and the server does not keep what is prepared.
    Simple,
}

impl Protocol {
    /// What to tell people.
    pub(super) const SIMPLE: &str =
        "simple (through a pooler, so statements run unnamed instead of prepared)";

    /// As the last session of the database had it.
    pub(super) fn of(database: &DatabaseOverview) -> Self {
        if database.pooled {
            Self::Simple
        } else {
            Self::Prepared
        }
    }
}
