//! One collector's share of the page: every family once, every database's lines below its head.

use std::collections::HashSet;
use std::sync::Arc;
use std::{io, iter};

use bytes::Bytes;
use pg_exporter_schema::{Collector, Column, Usage};

use super::compress::{Codec, Stream, gzip, zstd};
use super::format::{Family, Format, Head, Names, PerFormat, Role, SMALL};
use super::samples::{FamilyLines, Samples, has_repeats};

/// One collector's samples on one database.
pub(in crate::scrape) type Part = (Arc<Collector>, Arc<Samples>);

/// A collector's share of the page, kept until its samples change. What it is in a format is made when that is asked for.
#[derive(Debug, Default)]
pub(in crate::scrape) struct Section {
    /// Identities of the samples it is made of.
    ids: Vec<u64>,
    renderings: PerFormat<Option<Rendering>>,
}

/// A unit in one format.
#[derive(Debug, Default)]
pub(in crate::scrape) struct Rendering {
    /// Heads and lines.
    pub(in crate::scrape) chunks: Vec<Bytes>,
    /// Series dropped because another database has the same labels.
    pub(in crate::scrape) duplicates: u64,
    gzip: Option<<gzip::Compressor as Codec>::Segment>,
    zstd: Option<<zstd::Compressor as Codec>::Segment>,
}

impl Section {
    /// The unit of these parts in a format, made anew if they changed.
    pub(in crate::scrape) fn update(
        &mut self,
        parts: &[Part],
        format: Format,
        names: &Names,
    ) -> &mut Rendering {
        let ids = || parts.iter().map(|(_, samples)| samples.id);
        if !self.ids.iter().copied().eq(ids()) {
            *self = Self {
                ids: ids().collect(),
                renderings: PerFormat::default(),
            };
        }
        self.renderings
            .get_mut(format)
            .get_or_insert_with(|| Rendering::new(parts, format, names))
    }

    /// What was made of it last in a format.
    pub(in crate::scrape) fn rendering(&mut self, format: Format) -> Option<&mut Rendering> {
        self.renderings.get_mut(format).as_mut()
    }
}

impl Rendering {
    fn new(parts: &[Part], format: Format, names: &Names) -> Self {
        let mut duplicates = 0;
        let mut overlap = Overlap::default();
        let mut shown = Vec::new();
        for mut family in families(parts) {
            let lines: Vec<_> = parts
                .iter()
                .filter_map(|part| lines_of(part, family.head.name))
                .collect();
            if lines.iter().all(|(_, lines)| lines.range.is_empty()) {
                continue;
            }
            duplicates += gather(&lines, overlap.is_in(&lines), &mut family.lines);
            shown.push(family);
        }
        Self {
            chunks: format.write(&shown, names),
            duplicates,
            ..Self::default()
        }
    }

    /// Adds it to a gzip page.
    pub(in crate::scrape) fn gzip(&mut self, stream: &mut Stream<'_, gzip::Compressor>) -> io::Result<()> {
        compress(&self.chunks, &mut self.gzip, stream)
    }

    /// Adds it to a zstd page.
    pub(in crate::scrape) fn zstd(&mut self, stream: &mut Stream<'_, zstd::Compressor>) -> io::Result<()> {
        compress(&self.chunks, &mut self.zstd, stream)
    }
}

/// Adds chunks to a compressed page; the compressed form of large ones is kept.
fn compress<C: Codec>(
    chunks: &[Bytes],
    kept: &mut Option<C::Segment>,
    stream: &mut Stream<'_, C>,
) -> io::Result<()> {
    if chunks.iter().map(Bytes::len).sum::<usize>() < SMALL {
        chunks.iter().cloned().for_each(|chunk| stream.push(chunk));
        return Ok(());
    }
    stream.push_kept(chunks, kept)
}

/// All families of the parts, still without lines, in the order of the definition. Parts may be different branches, where
/// databases differ in extensions.
fn families(parts: &[Part]) -> Vec<Family<'_>> {
    let mut families: Vec<Family<'_>> = Vec::new();
    let mut last: Option<&Arc<Collector>> = None;
    for (collector, _) in parts {
        if last.is_some_and(|last| Arc::ptr_eq(last, collector)) {
            continue;
        }
        last = Some(collector);
        for family in collector.values().flat_map(families_of) {
            if families.iter().all(|known| known.head.name != family.head.name) {
                families.push(family);
            }
        }
    }
    families
}

fn families_of(column: &Column) -> impl Iterator<Item = Family<'_>> {
    let of_histogram = [
        Role::Buckets {
            histogram: &column.name,
            help: &column.help,
        },
        Role::Counts,
        Role::Sums,
    ];
    let is_histogram = column.usage == Usage::Histogram;
    let roles = of_histogram.into_iter().filter(move |_| is_histogram);
    let families = column
        .families
        .iter()
        .zip(roles.chain(iter::repeat(Role::Single)));
    families.filter_map(|(family, role)| {
        Some(Family {
            head: Head::parse(&family.head)?,
            role,
            lines: Vec::new(),
        })
    })
}

fn lines_of<'a>(part: &'a Part, name: &str) -> Option<(&'a Samples, &'a FamilyLines)> {
    let (collector, samples) = part;
    let at = collector
        .values()
        .flat_map(|column| column.families.iter())
        .position(|family| family.name == name)?;
    Some((samples, samples.families.get(at)?))
}

/// Gathers the family's lines of every database, the first of equal series only. Returns how many were dropped.
fn gather(lines: &[(&Samples, &FamilyLines)], overlap: bool, into: &mut Vec<Bytes>) -> u64 {
    if !overlap {
        let all = lines
            .iter()
            .map(|(samples, lines)| samples.bytes.slice(lines.range.clone()));
        into.extend(all.filter(|lines| !lines.is_empty()));
        return 0;
    }
    let mut seen = HashSet::new();
    let mut dropped = 0;
    let mut first = Vec::new();
    for (samples, lines) in lines {
        let text = samples.bytes.get(lines.range.clone()).unwrap_or_default();
        let mut entries = text.split_inclusive(|byte| *byte == b'\n');
        for key in lines.keys.iter() {
            let is_new = seen.insert(*key);
            for line in entries.by_ref().take(lines.stride) {
                if is_new {
                    first.extend_from_slice(line);
                } else {
                    dropped += 1;
                }
            }
        }
    }
    // Spare room would be kept as long as the unit.
    first.shrink_to_fit();
    into.push(first.into());
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use pg_exporter_schema::{Source, Strictness, compile};

    use super::super::encode::Encoder;
    use super::*;
    use crate::scrape::rows::batch::Batch;

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

    fn unit(parts: &[Part]) -> Rendering {
        Rendering::new(parts, Format::Text, &Names::default())
    }

    fn lines(unit: &Rendering) -> Vec<String> {
        let text = String::from_utf8(unit.chunks.concat()).unwrap();
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn databases_without_common_labels_follow_each_other_in_each_family() {
        let (parts, _) = parts(&[&["x", "y"], &["z"]]);
        let unit = unit(&parts);
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
        let unit = unit(&parts);
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
            lines(&unit(&parts)),
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
