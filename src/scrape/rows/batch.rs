//! A result between decoding and encoding: label text and a matrix of numbers, without lifetimes or types of the wire.

use super::value::{Unfit, Value};

/// Rows of one collector's result, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    label_columns: usize,
    value_columns: usize,
    rows: usize,
    text: String,
    /// End of each label in `text`, `label_columns` per row.
    ends: Vec<u32>,
    /// `value_columns` per row; NULL is NaN.
    values: Vec<f64>,
    /// Value columns that the result does not have.
    absent: Vec<bool>,
    /// Value columns of which some cell was no number: it is NaN.
    unreadable: Vec<bool>,
}

/// One row of a [`Batch`].
#[derive(Clone, Copy, Debug)]
pub struct RowView<'a> {
    batch: &'a Batch,
    row: usize,
}

impl Batch {
    /// An empty batch of so many label and value columns. `absent` tells which value columns the result lacks.
    #[must_use]
    pub fn new(label_columns: usize, absent: Vec<bool>) -> Self {
        Self {
            label_columns,
            value_columns: absent.len(),
            unreadable: vec![false; absent.len()],
            absent,
            ..Self::default()
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether it has no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Whether it was made without knowing what columns there are.
    pub(in crate::scrape) fn has_no_shape(&self) -> bool {
        self.label_columns == 0 && self.value_columns == 0
    }

    /// Whether the result lacks the value column.
    #[must_use]
    pub fn is_absent(&self, value: usize) -> bool {
        self.absent.get(value).copied().unwrap_or(true)
    }

    /// Whether some cell of the value column was no number.
    #[must_use]
    pub fn is_unreadable(&self, value: usize) -> bool {
        self.unreadable.get(value).copied().unwrap_or(false)
    }

    /// A cell of the value column is no number.
    pub(in crate::scrape) fn mark_unreadable(&mut self, value: usize) {
        if let Some(mark) = self.unreadable.get_mut(value) {
            *mark = true;
        }
    }

    /// Ends a label: what was written to [`text`](Self::text) since the label before.
    pub(in crate::scrape) fn end_label(&mut self) {
        // A row's labels are at most 1 GB (PostgreSQL's limit of a field); a batch of 4 GB does not fit the deadline.
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    /// Bytes that its lines have about: a row's labels stand in each of its lines.
    pub(in crate::scrape) fn encoded_len(&self) -> usize {
        const NAME_AND_NUMBER: usize = 64;
        let lines = self.rows.saturating_mul(self.value_columns);
        let labels = self.text.len().saturating_mul(self.value_columns);
        lines.saturating_mul(NAME_AND_NUMBER).saturating_add(labels)
    }

    /// Bytes that it takes in memory about.
    pub(in crate::scrape) fn memory(&self) -> usize {
        self.text.len() + 4 * self.ends.len() + 8 * self.values.len()
    }

    /// Where the current label is written.
    pub(in crate::scrape) fn text(&mut self) -> &mut String {
        &mut self.text
    }

    /// Adds a value to the current row.
    pub(in crate::scrape) fn push_value(&mut self, value: f64) {
        self.values.push(value);
    }

    /// Ends the current row.
    pub(in crate::scrape) fn end_row(&mut self) {
        self.rows += 1;
        debug_assert_eq!(self.ends.len(), self.rows * self.label_columns);
        debug_assert_eq!(self.values.len(), self.rows * self.value_columns);
    }

    /// Label `label` of row `row`, empty when there is none.
    #[must_use]
    pub fn label(&self, row: usize, label: usize) -> &str {
        let cell = row * self.label_columns + label;
        let end = self.ends.get(cell).copied().unwrap_or(0) as usize;
        let start = cell
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .copied()
            .unwrap_or(0) as usize;
        self.text.get(start..end).unwrap_or_default()
    }

    /// Value `value` of row `row`; NaN stands for NULL.
    #[must_use]
    pub fn value(&self, row: usize, value: usize) -> f64 {
        self.values
            .get(row * self.value_columns + value)
            .copied()
            .unwrap_or(f64::NAN)
    }

    /// Value `value` of every row, in order.
    pub fn column(&self, value: usize) -> impl Iterator<Item = f64> + '_ {
        self.values
            .iter()
            .skip(value)
            .step_by(self.value_columns.max(1))
            .copied()
    }

    /// The rows in order.
    pub fn iter(&self) -> impl Iterator<Item = RowView<'_>> {
        (0..self.rows).map(|row| RowView { batch: self, row })
    }
}

impl<'a> RowView<'a> {
    /// The label of that index among the definition's label columns.
    #[must_use]
    pub fn label(&self, index: usize) -> &'a str {
        self.batch.label(self.row, index)
    }

    /// The value of that index among the definition's value columns, as the type of a field.
    ///
    /// # Errors
    /// When what is there is not of that type.
    pub fn value<T: Value>(&self, index: usize) -> Result<T, Unfit> {
        let number = self.batch.value(self.row, index);
        // What the result lacks has no value, not even the one that NULL stands for.
        let number = if self.batch.is_absent(index) {
            f64::NAN
        } else {
            number
        };
        T::of(number).ok_or_else(|| Unfit {
            column: index,
            found: (!number.is_nan()).then_some(number),
            wanted: T::NAME,
        })
    }
}
