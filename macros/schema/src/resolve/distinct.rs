//! What two columns of a definition may not share.

use std::collections::HashMap;

use crate::model::{Column, Usage};
use crate::read::position::Position;
use crate::read::report::FileReport;

/// Reports columns, labels and metrics that occur twice, at the later one.
pub(crate) fn check<'a>(
    columns: impl Iterator<Item = (&'a Column, Position)> + Clone,
    report: &mut FileReport<'_>,
) {
    let histogram = columns
        .clone()
        .any(|(column, _)| column.usage == Usage::Histogram);
    let mut names: HashMap<(&str, &str), &Column> = HashMap::new();
    for (column, position) in columns {
        if histogram && column.usage == Usage::Label && column.name == "le" {
            report.error(
                position,
                "label `le` belongs to the histogram's buckets; write `rename` with another name",
            );
        }
        let before = taken_names(column).find_map(|name| Some((name, names.insert(name, column)?)));
        match before {
            Some((("column", name), _)) => {
                report.error(position, format!("duplicate column `{name}`; remove one"));
            }
            Some(((kind, name), other)) => {
                let other = &other.column;
                let message = format!(
                    "duplicate {kind} `{name}`, also of column `{other}`; write `rename` at one of them"
                );
                report.error(position, message);
            }
            None => {}
        }
    }
}

/// What no other column of its definition may have.
fn taken_names(column: &Column) -> impl Iterator<Item = (&'static str, &str)> {
    let label = (column.usage == Usage::Label).then_some(("label", column.name.as_ref()));
    let metrics = column
        .families
        .iter()
        .map(|family| ("metric", family.name.as_ref()));
    std::iter::once(("column", column.column.as_ref()))
        .chain(label)
        .chain(metrics)
}
