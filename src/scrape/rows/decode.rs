//! Rows to a batch: each column's place and reading is resolved once per statement, not per cell.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use pg_exporter_schema::{Collector, Column, Usage, shortest};

use super::batch::Batch;
use super::number;
use super::number::Wire;
use super::timestamp;
use crate::postgres::failure::{Failure, Reason};
use crate::postgres::rows::{Format, ResultColumn};
use crate::values::encoding::TextReader;

/// How the rows of one statement on one connection are read.
#[derive(Clone, Debug)]
pub struct Decoder {
    labels: Vec<Label>,
    values: Vec<Value>,
    format: Format,
    reader: Arc<TextReader>,
}

#[derive(Clone, Copy, Debug)]
struct Label {
    index: usize,
    wire: Wire,
}

#[derive(Clone, Debug)]
struct Value {
    /// `None` when the result lacks the column.
    index: Option<usize>,
    wire: Wire,
    /// Factor; 1 where the type is not scaled.
    scale: f64,
    /// What NULL stands for, scaled.
    null: f64,
    is_histogram: bool,
}

impl Decoder {
    /// Finds the definition's columns in a result's.
    ///
    /// # Errors
    /// When a label column or a histogram column is missing: without it the series would be others.
    pub fn resolve(
        collector: &Collector,
        columns: &[ResultColumn],
        format: Format,
        reader: Arc<TextReader>,
    ) -> Result<Self, Failure> {
        let find = |column: &Column| columns.iter().position(|found| *found.name == *column.column);
        let wire = |index: usize| {
            columns
                .get(index)
                .map_or(Wire::Opaque, |column| wire_of(column.oid))
        };
        let labels = collector
            .labels()
            .map(|column| {
                let index = find(column).ok_or_else(|| missing(collector, column))?;
                Ok(Label {
                    index,
                    wire: wire(index),
                })
            })
            .collect::<Result<_, Failure>>()?;
        let values = collector
            .values()
            .map(|column| {
                let index = find(column);
                let is_histogram = column.usage == Usage::Histogram;
                if is_histogram && index.is_none() {
                    return Err(missing(collector, column));
                }
                let null = column.default.map_or(f64::NAN, |default| default * column.scale);
                let wire = index.map_or(Wire::Opaque, wire);
                Ok(Value {
                    index,
                    wire,
                    scale: if wire.is_scaled() { column.scale } else { 1.0 },
                    null,
                    is_histogram,
                })
            })
            .collect::<Result<_, Failure>>()?;
        Ok(Self {
            labels,
            values,
            format,
            reader,
        })
    }

    /// Reads NULL as NaN in every column, whatever the definition says it stands for.
    #[must_use]
    pub fn without_defaults(mut self) -> Self {
        for value in &mut self.values {
            value.null = f64::NAN;
        }
        self
    }

    /// Whether some column's type cannot be read in the binary format (`regclass`, `inet`, `json`, enums…): the statement
    /// must run with text results then.
    #[must_use]
    pub fn needs_text(&self) -> bool {
        let has_label = self.labels.iter().any(|label| !is_binary_label(label.wire));
        let has_value = self
            .values
            .iter()
            .any(|value| value.index.is_some() && value.wire == Wire::Opaque);
        self.format == Format::Binary && (has_label || has_value)
    }

    /// How cells are written.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether texts are read by that reader.
    #[must_use]
    pub fn reads_by(&self, reader: &Arc<TextReader>) -> bool {
        Arc::ptr_eq(&self.reader, reader) || self.reader == *reader
    }

    /// An empty batch of its shape.
    #[must_use]
    pub fn batch(&self) -> Batch {
        Batch::new(
            self.labels.len(),
            self.values.iter().map(|value| value.index.is_none()).collect(),
        )
    }

    /// Adds a row to a batch of [its shape](Self::batch): its cells by their places, `None` for NULL.
    ///
    /// # Errors
    /// When a histogram's observation is not a finite number, or a label is longer than it may be.
    pub fn push<'a>(
        &self,
        cell: impl Fn(usize) -> Option<Cow<'a, [u8]>>,
        longest: usize,
        batch: &mut Batch,
    ) -> Result<(), Failure> {
        for label in &self.labels {
            if let Some(bytes) = cell(label.index) {
                if bytes.len() > longest {
                    return Err(too_long(bytes.len(), longest));
                }
                let text = batch.text();
                match self.format {
                    Format::Binary if label.wire == Wire::Text => self.reader.push(&bytes, text),
                    Format::Binary => binary_label(label.wire, &bytes, text),
                    Format::Text => self.text_label(label.wire, &bytes, text),
                }
            }
            batch.end_label();
        }
        for (at, value) in self.values.iter().enumerate() {
            let Some(bytes) = value.index.and_then(&cell) else {
                batch.push_value(value.null);
                continue;
            };
            let number = match self.format {
                Format::Binary => value.wire.read(&bytes),
                Format::Text => read_text(value.wire, &bytes),
            };
            let number = match number {
                Some(number) => number * value.scale,
                None => {
                    batch.mark_unreadable(at);
                    f64::NAN
                }
            };
            if value.is_histogram && !number.is_finite() {
                return Err(no_observation());
            }
            batch.push_value(number);
        }
        batch.end_row();
        Ok(())
    }

    fn text_label(&self, wire: Wire, bytes: &[u8], text: &mut String) {
        match (wire, bytes) {
            (Wire::Bool, b"t") => text.push_str("true"),
            (Wire::Bool, b"f") => text.push_str("false"),
            (Wire::Timestamp | Wire::Date, _) => push_whole(read_text(wire, bytes), text),
            (Wire::Float4 | Wire::Float8, _) => push_float(read_text(wire, bytes), text),
            _ => self.reader.push(bytes, text),
        }
    }
}

fn no_observation() -> Failure {
    Failure::new(
        Reason::Cast,
        "an observation of a histogram is not a finite number",
    )
}

fn too_long(length: usize, longest: usize) -> Failure {
    let what = format!("a label has {length} bytes, more than {longest} (--max-label-bytes)");
    Failure::new(Reason::TooLarge, what)
}

fn missing(collector: &Collector, column: &Column) -> Failure {
    let (branch, column) = (&collector.branch, &column.column);
    Failure::new(
        Reason::MissingColumn,
        format!("the result of {branch} has no column {column}"),
    )
}

/// Without a known type (pgbouncer, poolers) a cell is text that may stand for anything.
pub(in crate::scrape) fn wire_of(oid: u32) -> Wire {
    if oid == 0 {
        Wire::Unknown
    } else {
        Wire::of_binary(oid)
    }
}

fn is_binary_label(wire: Wire) -> bool {
    !matches!(wire, Wire::Opaque | Wire::Numeric)
}

/// Integers in decimal, floats in shortest form, times as whole Unix seconds, booleans as words.
fn binary_label(wire: Wire, bytes: &[u8], text: &mut String) {
    match wire {
        Wire::Bool => text.push_str(if bytes.first() == Some(&1) {
            "true"
        } else {
            "false"
        }),
        Wire::Int8 => push_integer(bytes.try_into().map(i64::from_be_bytes).ok(), text),
        Wire::Unsigned8 => push_integer(bytes.try_into().map(u64::from_be_bytes).ok(), text),
        Wire::Float4 | Wire::Float8 => push_float(wire.read(bytes), text),
        _ => push_whole(wire.read(bytes), text),
    }
}

fn push_integer(number: Option<impl itoa::Integer>, text: &mut String) {
    if let Some(number) = number {
        text.push_str(itoa::Buffer::new().format(number));
    }
}

/// Integers of up to 32 bits and whole seconds, whose text is exact.
fn push_whole(number: Option<f64>, text: &mut String) {
    if let Some(number) = number {
        let _ = write!(text, "{number}");
    }
}

/// Go's shortest `%g`, as pg_exporter 1.x shows floats in labels.
fn push_float(number: Option<f64>, text: &mut String) {
    match number {
        Some(number) if number.is_finite() => text.push_str(&shortest(number)),
        Some(number) if number.is_nan() => text.push_str("NaN"),
        Some(number) => text.push_str(if number > 0.0 { "+Inf" } else { "-Inf" }),
        None => {}
    }
}

/// The number in a cell's text form.
fn read_text(wire: Wire, bytes: &[u8]) -> Option<f64> {
    match wire {
        Wire::Bool => Some(f64::from(u8::from(bytes == b"t"))),
        Wire::Timestamp | Wire::Date => timestamp::parse(std::str::from_utf8(bytes).ok()?),
        Wire::Unknown => number::text(bytes).or_else(|| match bytes {
            b"t" | b"yes" => Some(1.0),
            b"f" | b"no" => Some(0.0),
            _ => timestamp::parse(std::str::from_utf8(bytes).ok()?),
        }),
        _ => number::text(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_without_a_type_are_numbers_too() {
        for (text, number) in [("12", 12.0), ("t", 1.0), ("f", 0.0), ("yes", 1.0), ("no", 0.0)] {
            assert_eq!(read_text(Wire::Unknown, text.as_bytes()), Some(number), "{text}");
        }
        assert_eq!(read_text(Wire::Unknown, b"nobody"), None);
        assert_eq!(
            read_text(Wire::Text, b"yes"),
            None,
            "of a type that is known to be text"
        );
    }

    #[test]
    fn numbers_in_labels() {
        let shown = |wire: Wire, bytes: &[u8]| {
            let mut text = String::new();
            binary_label(wire, bytes, &mut text);
            text
        };
        assert_eq!(shown(Wire::Float8, &1e6f64.to_be_bytes()), "1e+06");
        assert_eq!(shown(Wire::Float8, &0.5f64.to_be_bytes()), "0.5");
        assert_eq!(shown(Wire::Float8, &f64::INFINITY.to_be_bytes()), "+Inf");
        assert_eq!(shown(Wire::Float4, &0.1f32.to_be_bytes()), "0.1");
        assert_eq!(shown(Wire::Int8, &i64::MAX.to_be_bytes()), "9223372036854775807");
        assert_eq!(shown(Wire::Int4, &(-5i32).to_be_bytes()), "-5");
        assert_eq!(shown(Wire::Timestamp, &0i64.to_be_bytes()), "946684800");
    }
}
