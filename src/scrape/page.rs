//! The page: every family once, its head, then every database's lines.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use pg_exporter_schema::Collector;

use super::gzip::{Compressor, Segment};
use super::samples::{FamilyLines, Samples};

/// A chunk below this size is copied together with its neighbours: writing it alone costs more than the copy.
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
        let is_same = unit.ids.iter().copied().eq(parts.iter().map(|(_, samples)| samples.id));
        if !is_same {
            *unit = Unit::new(parts);
        }
        unit
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
        for (name, head) in families(parts) {
            let lines: Vec<_> = parts.iter().filter_map(|part| family_of(part, name)).collect();
            if lines.iter().all(|(_, lines)| lines.range.is_empty()) {
                continue;
            }
            writer.push(head.as_bytes());
            duplicates += write_lines(&lines, &mut writer);
        }
        let ids = parts.iter().map(|(_, samples)| samples.id).collect();
        Self { ids, chunks: writer.finish(), duplicates, segment: None }
    }

    /// Its compressed form, made when first asked for.
    pub fn segment(&mut self, compressor: &mut Compressor) -> Segment {
        self.segment.get_or_insert_with(|| compressor.segment(&self.chunks)).clone()
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
    let at = collector.values().flat_map(|column| column.families.iter()).position(|family| family.name == name)?;
    Some((samples, samples.families.get(at)?))
}

/// Writes the family's lines of every database, the first of equal series only. Returns how many were dropped.
fn write_lines(lines: &[(&Samples, &FamilyLines)], writer: &mut Writer) -> u64 {
    if !have_common_keys(lines) {
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

fn have_common_keys(lines: &[(&Samples, &FamilyLines)]) -> bool {
    if lines.len() < 2 {
        return false;
    }
    let mut seen = HashSet::with_capacity(lines.iter().map(|(_, lines)| lines.keys.len()).sum());
    lines.iter().flat_map(|(_, lines)| lines.keys.iter()).any(|key| !seen.insert(key))
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
