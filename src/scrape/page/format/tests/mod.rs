//! Small pages in every format, and any page: no sample is lost or changed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod compiled;
mod golden;
mod messages;
mod own;
pub(in crate::scrape) mod same;

use std::sync::Arc;

use pg_exporter_schema::{Collector, Source, Strictness, Usage, compile};

use super::{Format, Names};
use crate::scrape::page::encode::Encoder;
use crate::scrape::page::part::Part;
use crate::scrape::page::section::Section;
use crate::scrape::rows::batch::Batch;

/// A row: labels, then values.
type Row<'a> = (Vec<&'a str>, Vec<f64>);

fn collectors(definitions: &str) -> Vec<Collector> {
    compile(&[Source::new("t.yml", definitions)], Strictness::Lenient).collectors
}

/// The parts of a page: the rows that each database has.
fn parts(collector: &Arc<Collector>, databases: &[Vec<Row<'_>>]) -> Vec<Part> {
    let mut encoder = Encoder::new([("cls", "c\"1")]);
    let is_absent = vec![false; collector.values().count()];
    let mut parts = Vec::new();
    for rows in databases {
        let labels = collector
            .columns
            .iter()
            .filter(|column| column.usage == Usage::Label);
        let mut batch = Batch::new(labels.count(), is_absent.clone());
        for (labels, values) in rows {
            for label in labels {
                batch.text().push_str(label);
                batch.end_label();
            }
            values.iter().for_each(|value| batch.push_value(*value));
            batch.end_row();
        }
        let samples = encoder.encode(collector, &batch);
        parts.push(Part {
            database: format!("db{}", parts.len()).into(),
            collector: Arc::clone(collector),
            samples: Some(Arc::new(samples)),
        });
    }
    parts
}

fn page(parts: &[Part], format: Format, names: &Names) -> Vec<u8> {
    let mut page = Section::default().update(parts, format, names).chunks.concat();
    page.extend(format.end().into_iter().flatten());
    page
}
