//! The page: every family once, its head, then every database's lines.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use pg_exporter_schema::Collector;

use super::gzip::{Segment, Stream};
use super::samples::{FamilyLines, Samples, has_repeats};

/// What is below this size is copied, or compressed, together with its neighbours: on its own it would cost more.
const SMALL: usize = 8 * 1024;

/// One collector's samples on one database.
pub type Part = (Arc<Collector>, Arc<Samples>);

/// One collector's share of the page, kept until its samples change.
#[derive(Debug, Default)]
pub struct Unit {
    /// Identities of the samples it was made of.
    ids: Vec<u64>,
    /// Heads and lines.
    pub chunks: Vec<Bytes>,
    /// Series dropped because another database has the same labels.
    pub duplicates: u64,
    segment: Option<Segment>,
}

/// The page's units by collector name.
#[derive(Debug, Default)]
pub struct Units {
    units: BTreeMap<String, Unit>,
}

impl Units {
    /// The unit of a collector, made anew if its parts changed.
    pub fn update(&mut self, name: &str, parts: &[Part]) -> &mut Unit {
        let unit = self.units.entry(name.to_owned()).or_default();
        let is_same = unit
            .ids
            .iter()
            .copied()
            .eq(parts.iter().map(|(_, samples)| samples.id));
        if !is_same {
            *unit = Unit::new(parts);
        }
        unit
    }

    /// The unit of a collector that is on the page.
    pub fn get(&self, name: &str) -> Option<&Unit> {
        self.units.get(name)
    }

    /// Adds a collector's unit to a compressed page.
    pub fn compress(&mut self, name: &str, stream: &mut Stream<'_>) {
        if let Some(unit) = self.units.get_mut(name) {
            unit.compress(stream);
        }
    }

    /// Forgets the units of collectors that are not on the page.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.units.retain(|name, _| keep(name));
    }
}

impl Unit {
    fn new(parts: &[Part]) -> Self {
        let mut writer = Writer::default();
        let mut duplicates = 0;
        let mut overlap = Overlap::default();
        for (name, head) in families(parts) {
            let lines: Vec<_> = parts.iter().filter_map(|part| family_of(part, name)).collect();
            if lines.iter().all(|(_, lines)| lines.range.is_empty()) {
                continue;
            }
            writer.push(head.as_bytes());
            duplicates += write_lines(&lines, overlap.is_in(&lines), &mut writer);
        }
        let ids = parts.iter().map(|(_, samples)| samples.id).collect();
        Self {
            ids,
            chunks: writer.finish(),
            duplicates,
            segment: None,
        }
    }

    /// Adds it to a compressed page; a large one's compressed form is kept.
    fn compress(&mut self, stream: &mut Stream<'_>) {
        if self.chunks.iter().map(Bytes::len).sum::<usize>() < SMALL {
            self.chunks.iter().cloned().for_each(|chunk| stream.push(chunk));
        } else {
            stream.push_kept(&self.chunks, &mut self.segment);
        }
    }
}

/// Names and heads of all families of the parts, in the order of the definition. Parts may be different branches, where
/// databases differ in extensions.
fn families(parts: &[Part]) -> Vec<(&str, &str)> {
    let mut families: Vec<(&str, &str)> = Vec::new();
    let mut last: Option<&Arc<Collector>> = None;
    for (collector, _) in parts {
        if last.is_some_and(|last| Arc::ptr_eq(last, collector)) {
            continue;
        }
        last = Some(collector);
        for family in collector.values().flat_map(|column| column.families.iter()) {
            if !families.iter().any(|(name, _)| *name == family.name) {
                families.push((&family.name, &family.head));
            }
        }
    }
    families
}

fn family_of<'a>(part: &'a Part, name: &str) -> Option<(&'a Samples, &'a FamilyLines)> {
    let (collector, samples) = part;
    let at = collector
        .values()
        .flat_map(|column| column.families.iter())
        .position(|family| family.name == name)?;
    Some((samples, samples.families.get(at)?))
}

/// Writes the family's lines of every database, the first of equal series only. Returns how many were dropped.
fn write_lines(lines: &[(&Samples, &FamilyLines)], overlap: bool, writer: &mut Writer) -> u64 {
    if !overlap {
        for (samples, lines) in lines {
            writer.push_bytes(samples.bytes.slice(lines.range.clone()));
        }
        return 0;
    }
    let mut seen = HashSet::new();
    let mut dropped = 0;
    for (samples, lines) in lines {
        let text = samples.bytes.get(lines.range.clone()).unwrap_or_default();
        let mut entries = text.split_inclusive(|byte| *byte == b'\n');
        for key in lines.keys.iter() {
            let is_new = seen.insert(*key);
            for line in entries.by_ref().take(lines.stride) {
                if is_new {
                    writer.push(line);
                } else {
                    dropped += 1;
                }
            }
        }
    }
    dropped
}

/// Whether databases have rows of the same labels: found out once for all families of the same rows, not per series.
#[derive(Debug, Default)]
struct Overlap<'a> {
    rows: Vec<&'a Arc<[u64]>>,
    is_there: bool,
}

impl<'a> Overlap<'a> {
    fn is_in(&mut self, lines: &[(&'a Samples, &'a FamilyLines)]) -> bool {
        let mut known = self.rows.iter();
        let is_same = |keys| known.next().is_some_and(|known| Arc::ptr_eq(known, keys));
        if lines.len() != self.rows.len() || !lines.iter().map(|(_, lines)| &lines.keys).all(is_same) {
            self.rows = lines.iter().map(|(_, lines)| &lines.keys).collect();
            self.is_there =
                self.rows.len() > 1 && has_repeats(self.rows.iter().flat_map(|keys| keys.iter().copied()));
        }
        self.is_there
    }
}

/// Collects chunks; small ones are copied together, large ones are taken as they are.
#[derive(Debug, Default)]
pub struct Writer {
    chunks: Vec<Bytes>,
    tail: BytesMut,
}

impl Writer {
    /// Copies.
    pub fn push(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
    }

    /// Takes a part, by reference if it is large.
    pub fn push_bytes(&mut self, bytes: Bytes) {
        if bytes.len() < SMALL {
            self.push(&bytes);
        } else {
            self.flush();
            self.chunks.push(bytes);
        }
    }

    fn flush(&mut self) {
        if !self.tail.is_empty() {
            // An exact copy: the buffer's spare room would be kept as long as the chunk.
            self.chunks.push(Bytes::copy_from_slice(&self.tail));
            self.tail.clear();
        }
    }

    /// The chunks.
    #[must_use]
    pub fn finish(mut self) -> Vec<Bytes> {
        self.flush();
        self.chunks
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use pg_exporter_schema::{Source, Strictness, compile};

    use super::super::batch::Batch;
    use super::super::encode::Encoder;
    use super::*;

    const DEFINITION: &str = "t:\n  query: SELECT 1\n  metrics:\n    \
        - name: { usage: LABEL, description: Name. }\n    \
        - a: { usage: GAUGE, description: A. }\n    \
        - b: { usage: GAUGE, description: B. }\n";

    /// The parts of databases that have rows of these names, and what was dropped within one.
    fn parts(databases: &[&[&str]]) -> (Vec<Part>, Vec<u64>) {
        let source = Source::new("t.yml", DEFINITION);
        let collector = Arc::new(compile(&[source], Strictness::Lenient).collectors.pop().unwrap());
        let mut encoder = Encoder::new([]);
        let samples = databases.iter().enumerate().map(|(database, names)| {
            let mut batch = Batch::new(1, vec![false, false]);
            for name in *names {
                batch.text().push_str(name);
                batch.end_label();
                batch.push_value(database as f64);
                batch.push_value(10.0 + database as f64);
                batch.end_row();
            }
            encoder.encode(&collector, &batch)
        });
        let samples: Vec<Samples> = samples.collect();
        let dropped = samples.iter().map(|samples| samples.duplicates).collect();
        (
            samples
                .into_iter()
                .map(|samples| (Arc::clone(&collector), Arc::new(samples)))
                .collect(),
            dropped,
        )
    }

    fn lines(unit: &Unit) -> Vec<String> {
        let text = String::from_utf8(unit.chunks.concat()).unwrap();
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn databases_without_common_labels_follow_each_other_in_each_family() {
        let (parts, _) = parts(&[&["x", "y"], &["z"]]);
        let unit = Unit::new(&parts);
        let expected = [
            "t_a{name=\"x\"} 0",
            "t_a{name=\"y\"} 0",
            "t_a{name=\"z\"} 1",
            "t_b{name=\"x\"} 10",
            "t_b{name=\"y\"} 10",
            "t_b{name=\"z\"} 11",
        ];
        assert_eq!(lines(&unit), expected);
        assert_eq!(unit.duplicates, 0);
    }

    #[test]
    fn of_databases_with_common_labels_the_first_is_served() {
        let (parts, _) = parts(&[&["x"], &["y", "x"], &["y"]]);
        let unit = Unit::new(&parts);
        let expected = [
            "t_a{name=\"x\"} 0",
            "t_a{name=\"y\"} 1",
            "t_b{name=\"x\"} 10",
            "t_b{name=\"y\"} 11",
        ];
        assert_eq!(lines(&unit), expected);
        assert_eq!(unit.duplicates, 4);
    }

    #[test]
    fn of_rows_with_common_labels_the_first_is_served() {
        let (parts, dropped) = parts(&[&["x", "y", "x", "x"]]);
        assert_eq!(
            lines(&Unit::new(&parts)),
            [
                "t_a{name=\"x\"} 0",
                "t_a{name=\"y\"} 0",
                "t_b{name=\"x\"} 10",
                "t_b{name=\"y\"} 10"
            ]
        );
        assert_eq!(dropped, [4]);
    }
}
