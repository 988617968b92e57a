//! What the model holds only as part of a name.

use crate::model::{Collector, Column};

/// What `rename` a column was given, if any.
pub(crate) fn rename<'a>(collector: &Collector, column: &'a Column) -> Option<&'a str> {
    let word = if column.usage.is_value() {
        column
            .name
            .strip_prefix(collector.name.as_ref())?
            .strip_prefix('_')?
    } else {
        column.name.as_ref()
    };
    (word != column.column).then_some(word)
}
