//! What the model holds only as part of a name, or as a whole one.

use crate::model::{Collector, Column};

/// What `rename` a column was given, if any.
pub(crate) fn rename<'a>(collector: &Collector, column: &'a Column) -> Option<&'a str> {
    let word = if column.usage.is_value() {
        suffix(collector, column)?
    } else {
        column.name.as_ref()
    };
    (word != column.column).then_some(word)
}

/// What `metric` a column was given, if that is no name of the collector's.
pub(crate) fn metric<'a>(collector: &Collector, column: &'a Column) -> Option<&'a str> {
    let is_foreign = column.usage.is_value() && suffix(collector, column).is_none();
    is_foreign.then_some(column.name.as_ref())
}

/// What stands behind the collector's name.
fn suffix<'a>(collector: &Collector, column: &'a Column) -> Option<&'a str> {
    let rest = column.name.strip_prefix(collector.name.as_ref())?;
    rest.strip_prefix('_').filter(|word| !word.is_empty())
}
