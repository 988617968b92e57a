//! What a result does not give of what its definition asks for.

use std::fmt;

use pg_exporter_schema::Collector;

use super::batch::Batch;

/// Columns of a definition that give no numbers, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// The result lacks them: their metrics are left out.
    pub missing: Vec<String>,
    /// Some cell of them is no number: it is NaN.
    pub unreadable: Vec<String>,
}

impl Gaps {
    /// Those of one result.
    #[must_use]
    pub fn of(collector: &Collector, batch: &Batch) -> Self {
        // Of text without a row nothing is known.
        if batch.has_no_shape() {
            return Self::default();
        }
        let named = |is: &dyn Fn(usize) -> bool| {
            let columns = collector.values().enumerate();
            let found = columns.filter(|(at, _)| is(*at));
            found.map(|(_, column)| column.column.to_string()).collect()
        };
        Self {
            missing: named(&|at| batch.is_absent(at)),
            unreadable: named(&|at| batch.is_unreadable(at)),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unreadable.is_empty()
    }
}

/// What is wrong and what to do about it.
impl fmt::Display for Gaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { missing, unreadable } = self;
        if !missing.is_empty() {
            let list = missing.join(", ");
            write!(
                f,
                "the result lacks {list}: give the column that name in the query, or take it out of metrics"
            )?;
        }
        if !missing.is_empty() && !unreadable.is_empty() {
            f.write_str("; ")?;
        }
        if !unreadable.is_empty() {
            write!(
                f,
                "{} holds what is no number and is NaN there: cast it in the query",
                unreadable.join(", ")
            )?;
        }
        Ok(())
    }
}
