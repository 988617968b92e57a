//! What a result does not give of what its definition asks for, and what a statement had to do without.

use std::fmt;

use pg_exporter_schema::Collector;

use super::batch::Batch;
use crate::postgres::denied::Without;

/// Columns of a definition that give no numbers, by name, and functions that were left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// The result lacks them: their metrics are left out.
    pub missing: Vec<String>,
    /// Some cell of them is no number: it is NaN.
    pub unreadable: Vec<String>,
    /// Functions that the server denies: what they tell is NULL, or missing.
    pub without: Without,
}

impl Gaps {
    /// Those of one result, of a statement without these functions.
    #[must_use]
    pub fn of(collector: &Collector, batch: &Batch, without: &Without) -> Self {
        let without = without.clone();
        // Of text without a row nothing is known.
        if batch.has_no_shape() {
            return Self {
                without,
                ..Self::default()
            };
        }
        let named = |is: &dyn Fn(usize) -> bool| {
            let columns = collector.values().enumerate();
            let found = columns.filter(|(at, _)| is(*at));
            found.map(|(_, column)| column.column.to_string()).collect()
        };
        Self {
            missing: named(&|at| batch.is_absent(at)),
            unreadable: named(&|at| batch.is_unreadable(at)),
            without,
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.without.is_empty() && !self.is_mistake()
    }

    /// Whether the definition has to be mended.
    #[must_use]
    pub fn is_mistake(&self) -> bool {
        !self.missing.is_empty() || !self.unreadable.is_empty()
    }
}

/// What is wrong and what to do about it.
impl fmt::Display for Gaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            missing,
            unreadable,
            without: Without { denied, refused },
        } = self;
        let mut told = Vec::new();
        if !missing.is_empty() {
            let list = missing.join(", ");
            told.push(format!(
                "the result lacks {list}: give the column that name in the query, or take it out of metrics"
            ));
        }
        if !unreadable.is_empty() {
            told.push(format!(
                "{} holds what is no number and is NaN there: cast it in the query",
                unreadable.join(", ")
            ));
        }
        if !denied.is_empty() {
            told.push(format!(
                "the role may not execute {}: what that tells is missing",
                denied.join(", ")
            ));
        }
        if !refused.is_empty() {
            told.push(format!(
                "the server does not support {} here: what that tells is missing",
                refused.join(", ")
            ));
        }
        f.write_str(&told.join("; "))
    }
}
