//! A collector's statements as they are sent to one database.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use pg_exporter_schema::Collector;

use crate::catalog::facts::Facts;
use crate::catalog::{extension_schema, is_shipped};

/// A statement's text. The definition's is not copied: of many targets each would have the texts of all collectors.
#[derive(Clone, Debug)]
pub enum Text {
    /// The definition's query, as it is.
    Query(Arc<Collector>),
    /// The query of the predicate at that place, as it is.
    Predicate(Arc<Collector>, usize),
    /// What was made of one of them for a database.
    Made(Arc<str>),
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Query(collector) => &collector.query,
            Self::Predicate(collector, at) => {
                let predicate = collector.predicates.get(*at);
                predicate.map_or("", |predicate| &predicate.query)
            }
            Self::Made(text) => text,
        }
    }
}

/// A collector's statements as they are sent to one database.
#[derive(Clone, Debug)]
pub struct Texts {
    /// The query.
    pub query: Text,
    /// One per predicate.
    pub predicates: Vec<Text>,
    /// Whether their names are looked for where the role finds them.
    pub on_role_path: bool,
}

impl Texts {
    /// The texts on a database of which these facts are known, and on which the collector is installed.
    #[must_use]
    pub fn new(collector: &Arc<Collector>, facts: &Facts) -> Self {
        // What cannot be replaced keeps the collector from being installed.
        let text = |sql: &str, as_it_is: Text| match extension_schema::replaced(sql, facts) {
            Ok(Cow::Owned(text)) => Text::Made(text.into()),
            Ok(Cow::Borrowed(_)) | Err(_) => as_it_is,
        };
        let predicates = collector.predicates.iter().enumerate();
        Self {
            query: text(&collector.query, Text::Query(Arc::clone(collector))),
            predicates: predicates
                .map(|(at, one)| text(&one.query, Text::Predicate(Arc::clone(collector), at)))
                .collect(),
            on_role_path: !is_shipped(collector),
        }
    }
}
