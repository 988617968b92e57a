//! Typed rows: what the build script and `#[derive(Row)]` make of a collector.

use pg_exporter_schema::{Collector, Column};

use super::batch::RowView;
use super::value::Unfit;

/// A row of a collector's result as a struct, one field per column.
///
/// Implemented by `#[derive(Row)]`, for the shipped collectors by the build script's structs in
/// [`catalog::compiled`](crate::catalog::compiled).
pub trait Row {
    /// The collector's definition.
    const COLLECTOR: Collector;

    /// The struct with labels that live as long as the result they are read from.
    type Of<'r>;

    /// The row's labels as text, its values as the types of their fields; `None` stands for NULL.
    ///
    /// # Errors
    /// When a value is not of its field's type.
    fn from_row(row: RowView<'_>) -> Result<Self::Of<'_>, Unfit>;
}

/// Whether the rows of one definition can be read as those of the other: the same branch, statement and columns. When and
/// how long it runs may differ. A definition that a layer replaced has rows of its own.
pub(in crate::scrape) fn has_the_same_rows(one: &Collector, other: &Collector) -> bool {
    let is_same = |(one, other): (&Column, &Column)| {
        one.column == other.column
            && one.usage == other.usage
            && one.scale.to_bits() == other.scale.to_bits()
            && one.default.map(f64::to_bits) == other.default.map(f64::to_bits)
    };
    one.branch == other.branch
        && one.query == other.query
        && one.columns.len() == other.columns.len()
        && one.columns.iter().zip(&*other.columns).all(is_same)
}
