// What generated code expects of the crate `pg_exporter`, as far as it is needed to compile it: these tests are about
// the macros alone. The root's own tests compile the same code with the real crate.

extern crate self as pg_exporter;

pub use pg_exporter_macros::{Row, collectors};
pub use pg_exporter_schema as schema;

/// A row struct.
pub trait Row {
    /// Its definition.
    const COLLECTOR: schema::Collector;

    /// The struct of a row.
    /// The struct with labels that live as long as the row.
    type Of<'r>;
    /// Its row.
    fn from_row(row: RowView<'_>) -> Result<Self::Of<'_>, Unfit>;
}

/// A row.
#[derive(Clone, Copy, Debug)]
pub struct RowView<'a> {
    /// Label columns in order.
    pub labels: &'a [&'a str],
    /// Value columns in order.
    pub values: &'a [Option<f64>],
}

impl<'a> RowView<'a> {
    /// A label.
    pub fn label(&self, index: usize) -> &'a str {
        self.labels.get(index).copied().unwrap_or_default()
    }

    /// A value.
    pub fn value<T: Value>(&self, index: usize) -> Result<T, Unfit> {
        T::of(self.values.get(index).copied().flatten()).ok_or(Unfit)
    }
}

/// Another value than the field's type has.
#[derive(Clone, Debug, PartialEq)]
pub struct Unfit;

/// What a field may be.
pub trait Value: Sized {
    /// From a number.
    fn of(number: Option<f64>) -> Option<Self>;
}

impl Value for f64 {
    fn of(number: Option<f64>) -> Option<Self> {
        number
    }
}

impl Value for i64 {
    fn of(number: Option<f64>) -> Option<Self> {
        number.map(|number| number as Self)
    }
}

impl<T: Value> Value for Option<T> {
    fn of(number: Option<f64>) -> Option<Self> {
        Some(number.and_then(|number| T::of(Some(number))))
    }
}
