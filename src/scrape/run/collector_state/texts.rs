//! A collector's statements as they are sent to one database.

use std::sync::Arc;

use pg_exporter_schema::Collector;

use crate::catalog::facts::Facts;
use crate::catalog::{extension_schema, is_shipped};

/// A collector's statements as they are sent to one database.
#[derive(Clone, Debug)]
pub struct Texts {
    /// The query.
    pub query: Arc<str>,
    /// One per predicate.
    pub predicates: Vec<Arc<str>>,
    /// Whether their names are looked for where the role finds them.
    pub on_role_path: bool,
}

impl Texts {
    /// The texts on a database of which these facts are known, and on which the collector is installed.
    #[must_use]
    pub fn new(collector: &Collector, facts: &Facts) -> Self {
        // What cannot be replaced keeps the collector from being installed.
        let text = |sql: &str| extension_schema::replaced(sql, facts).map_or_else(|_| sql.into(), Arc::from);
        Self {
            query: text(&collector.query),
            predicates: collector.predicates.iter().map(|one| text(&one.query)).collect(),
            on_role_path: !is_shipped(collector),
        }
    }
}
