//! Histograms of one result: every row with a value is one observation of the histogram of its labels.
//!
//! A snapshot, rebuilt at each execution: nothing accumulates, so its components are gauges.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use pg_exporter_schema::Column;

use super::blocks::Blocks;
use super::samples::{FamilyLines, Samples};
use crate::scrape::rows::batch::Batch;
use crate::values::exposition::push_number;

/// One histogram: observations per bucket (not cumulative; the last is above all bounds), their number and sum.
struct Histogram<'a> {
    block: &'a [u8],
    counts: Vec<u64>,
    count: u64,
    sum: f64,
}

/// Appends the three families of a histogram column.
pub(in crate::scrape) fn encode(
    column: &Column,
    value: usize,
    batch: &Batch,
    served: &Blocks,
    hasher: &RandomState,
    lines: &mut Vec<u8>,
    samples: &mut Samples,
) {
    let histograms = observe(column, value, batch, served);
    let keys: Arc<[u64]> = histograms
        .iter()
        .map(|histogram| hasher.hash_one(histogram.block))
        .collect();
    let mut names = column.families.iter().map(|family| &*family.name);
    let mut family = |stride: usize, write: &dyn Fn(&str, &Histogram<'_>, &mut Vec<u8>)| {
        let name = names.next().unwrap_or_default();
        let start = lines.len();
        histograms
            .iter()
            .for_each(|histogram| write(name, histogram, lines));
        samples.series += (histograms.len() * stride) as u64;
        samples.families.push(FamilyLines {
            range: start..lines.len(),
            stride,
            keys: Arc::clone(&keys),
        });
    };
    family(column.buckets.len() + 1, &|name, histogram, lines| {
        push_buckets(name, column, histogram, lines);
    });
    family(1, &|name, histogram, lines| {
        push_line(name, histogram.block, histogram.count as f64, lines);
    });
    family(1, &|name, histogram, lines| {
        push_line(name, histogram.block, histogram.sum, lines);
    });
}

fn observe<'a>(column: &Column, value: usize, batch: &Batch, served: &'a Blocks) -> Vec<Histogram<'a>> {
    let mut places: HashMap<&[u8], usize> = HashMap::new();
    let mut histograms: Vec<Histogram<'a>> = Vec::new();
    for (row, block) in served.iter() {
        let number = batch.value(row, value);
        if number.is_nan() {
            continue;
        }
        let place = *places.entry(block).or_insert(histograms.len());
        if place == histograms.len() {
            histograms.push(Histogram {
                block,
                counts: vec![0; column.buckets.len() + 1],
                count: 0,
                sum: 0.0,
            });
        }
        let bucket = column.buckets.partition_point(|bucket| bucket.bound < number);
        if let Some(histogram) = histograms.get_mut(place) {
            histogram.count += 1;
            histogram.sum += number;
            if let Some(count) = histogram.counts.get_mut(bucket) {
                *count += 1;
            }
        }
    }
    histograms
}

fn push_buckets(name: &str, column: &Column, histogram: &Histogram<'_>, lines: &mut Vec<u8>) {
    let bounds = column.buckets.iter().map(|bucket| &*bucket.le).chain(["+Inf"]);
    let mut cumulative = 0;
    for (le, count) in bounds.zip(&histogram.counts) {
        cumulative += count;
        lines.extend_from_slice(name.as_bytes());
        match histogram.block.strip_suffix(b"}") {
            Some(open) => {
                lines.extend_from_slice(open);
                lines.push(b',');
            }
            None => lines.push(b'{'),
        }
        lines.extend_from_slice(b"le=\"");
        lines.extend_from_slice(le.as_bytes());
        lines.extend_from_slice(b"\"} ");
        push_number(cumulative as f64, lines);
        lines.push(b'\n');
    }
}

fn push_line(name: &str, block: &[u8], number: f64, lines: &mut Vec<u8>) {
    lines.extend_from_slice(name.as_bytes());
    lines.extend_from_slice(block);
    lines.push(b' ');
    push_number(number, lines);
    lines.push(b'\n');
}
