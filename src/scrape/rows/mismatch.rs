//! Whether a statement's result is what its definition says, before any row of it is read.

use pg_exporter_schema::{Collector, Column};

use super::decode::wire_of;
use super::number::Wire;
use crate::postgres::rows::ResultColumn;

/// How a result differs from its definition.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mismatch<'a> {
    /// Columns of the definition that the result lacks; discarded ones may be absent.
    pub missing: Vec<&'a Column>,
    /// Columns of the result that the definition does not have.
    pub extra: Vec<&'a ResultColumn>,
    /// Value columns whose type has no numeric meaning, with that type.
    pub no_numbers: Vec<(&'a Column, &'a ResultColumn)>,
}

impl<'a> Mismatch<'a> {
    /// Compares by column names; types only where they are known.
    #[must_use]
    pub fn between(collector: &'a Collector, result: &'a [ResultColumn]) -> Self {
        let find = |column: &Column| result.iter().find(|found| *found.name == *column.column);
        let needed = || collector.labels().chain(collector.values());
        let is_known = |found: &&ResultColumn| {
            collector
                .columns
                .iter()
                .any(|column| *found.name == *column.column)
        };
        let no_number = |column: &'a Column| {
            let found = find(column)?;
            (wire_of(found.oid) == Wire::Opaque).then_some((column, found))
        };
        Self {
            missing: needed().filter(|column| find(column).is_none()).collect(),
            extra: result.iter().filter(|found| !is_known(found)).collect(),
            no_numbers: collector.values().filter_map(no_number).collect(),
        }
    }
}
