//! Typed rows: what the build script and `#[derive(Row)]` make of a collector.

use pg_exporter_schema::Collector;
use prometheus::core::Desc;

use crate::catalog;
use crate::scrape::RowView;

/// A row of a collector's result as a struct, one field per column.
///
/// Implemented by `#[derive(Row)]`, for the shipped collectors by the build script's structs in
/// [`catalog::compiled`].
pub trait Row<'a>: Sized {
    /// The collector's definition.
    const COLLECTOR: Collector;

    /// The collector's metrics as the `prometheus` crate describes them.
    ///
    /// # Errors
    /// When a name is not one that Prometheus takes; the derive lets no such definition pass.
    fn descriptors() -> Result<Vec<Desc>, prometheus::Error> {
        catalog::descriptors(&Self::COLLECTOR)
    }

    /// The row's labels as text, its values as numbers; `None` stands for NULL.
    fn from_row(row: RowView<'a>) -> Self;
}
