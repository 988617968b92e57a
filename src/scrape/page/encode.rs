//! A batch to lines of the page: labels are rendered once per row and shared by all its metrics.

use std::cell::RefCell;
use std::hash::{BuildHasher as _, RandomState};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use pg_exporter_schema::{Collector, Column, Usage};

use super::blocks::Blocks;
use super::histogram;
use super::samples::{FamilyLines, Samples};
use crate::scrape::rows::batch::Batch;
use crate::values::exposition::{push_label, push_number};

/// Where lines are written before they are kept, as large as the largest result was; encoders may share it.
#[derive(Clone, Debug, Default)]
pub(in crate::scrape) struct Room(Rc<RefCell<Vec<u8>>>);

/// Encodes batches; holds what all of them share.
#[derive(Debug, Default)]
pub struct Encoder {
    /// Labels of every series, rendered: `k="v",k="v"`.
    constant: String,
    hasher: RandomState,
    room: Room,
    last_id: u64,
}

impl Encoder {
    /// An encoder that adds the constant labels to every series.
    #[must_use]
    pub fn new<'a>(constant: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut text = Vec::new();
        for (name, value) in constant {
            if !text.is_empty() {
                text.push(b',');
            }
            push_label(name, value, &mut text);
        }
        Self {
            constant: String::from_utf8_lossy(&text).into_owned(),
            ..Self::default()
        }
    }

    /// The same, which shares a room with others.
    #[must_use]
    pub(in crate::scrape) fn writing_in(self, room: Room) -> Self {
        Self { room, ..self }
    }

    /// The lines of a collector's batch. Of rows with equal labels the first is kept; rows above `max_series` are
    /// dropped; both are counted.
    pub fn encode(&mut self, collector: &Collector, batch: &Batch) -> Samples {
        let series_per_row = collector
            .values()
            .filter(|column| column.usage != Usage::Histogram)
            .count() as u64;
        let mut samples = Samples::default();
        let mut served = self.blocks(collector, batch).distinct();
        // A histogram's rows are observations: equal labels are what it groups by.
        let has_histogram = collector.values().any(|column| column.usage == Usage::Histogram);
        let observed = if has_histogram {
            self.blocks(collector, batch)
        } else {
            Blocks::default()
        };
        samples.duplicates = (batch.len() - served.rows.len()) as u64 * series_per_row;
        if collector.max_series > 0 && series_per_row > 0 {
            let limit = usize::try_from(collector.max_series / series_per_row).unwrap_or(usize::MAX);
            let over = served.rows.len().saturating_sub(limit);
            served.rows.truncate(limit);
            served.keys.truncate(limit);
            samples.over_limit = over as u64 * series_per_row;
        }
        let room = self.room.clone();
        let mut lines = room.0.borrow_mut();
        lines.clear();
        self.families(collector, batch, (&served, &observed), &mut lines, &mut samples);
        self.last_id += 1;
        samples.id = self.last_id;
        samples.bytes = Bytes::copy_from_slice(&lines);
        samples
    }

    /// `served` are the rows of gauges and counters, `observed` those of histograms.
    fn families(
        &self,
        collector: &Collector,
        batch: &Batch,
        (served, observed): (&Blocks, &Blocks),
        lines: &mut Vec<u8>,
        samples: &mut Samples,
    ) {
        let keys: Arc<[u64]> = served.keys.as_slice().into();
        samples
            .families
            .reserve_exact(collector.values().map(|column| column.families.len()).sum());
        for (value, column) in collector.values().enumerate() {
            if column.usage == Usage::Histogram {
                histogram::encode(column, value, batch, observed, &self.hasher, lines, samples);
            } else {
                let range = scalar(column, value, batch, served, lines);
                let entries = if range.is_empty() {
                    Arc::from([])
                } else {
                    Arc::clone(&keys)
                };
                samples.series += entries.len() as u64;
                samples.families.push(FamilyLines {
                    range,
                    stride: 1,
                    keys: entries,
                });
            }
        }
    }

    fn blocks(&self, collector: &Collector, batch: &Batch) -> Blocks {
        let names: Vec<&str> = collector.labels().map(|column| &*column.name).collect();
        let mut blocks = Blocks {
            rows: (0..batch.len()).collect(),
            ..Blocks::default()
        };
        for row in 0..batch.len() {
            self.push_block(&names, row, batch, &mut blocks.text);
            blocks.ends.push(blocks.text.len());
            let key = self.hasher.hash_one(blocks.get(row));
            blocks.keys.push(key);
        }
        blocks
    }

    fn push_block(&self, names: &[&str], row: usize, batch: &Batch, text: &mut Vec<u8>) {
        if names.is_empty() && self.constant.is_empty() {
            return;
        }
        text.push(b'{');
        for (label, name) in names.iter().enumerate() {
            if label > 0 {
                text.push(b',');
            }
            push_label(name, batch.label(row, label), text);
        }
        if !self.constant.is_empty() {
            if !names.is_empty() {
                text.push(b',');
            }
            text.extend_from_slice(self.constant.as_bytes());
        }
        text.push(b'}');
    }
}

fn scalar(
    column: &Column,
    value: usize,
    batch: &Batch,
    served: &Blocks,
    lines: &mut Vec<u8>,
) -> std::ops::Range<usize> {
    let start = lines.len();
    if !batch.is_absent(value) {
        for (row, block) in served.iter() {
            lines.extend_from_slice(column.name.as_bytes());
            lines.extend_from_slice(block);
            lines.push(b' ');
            push_number(batch.value(row, value), lines);
            lines.push(b'\n');
        }
    }
    start..lines.len()
}
