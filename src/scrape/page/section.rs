//! One collector's share of the page: every family once, every database's lines below its head.

use std::collections::BTreeSet;
use std::hash::RandomState;
use std::rc::Rc;
use std::sync::Arc;
use std::{io, iter};

use bytes::Bytes;
use pg_exporter_schema::{Collector, Column, Usage};

use super::compress::kept::Kept;
use super::compress::{Codec, Stream, gzip, zstd};
use super::format::{Family, Format, Head, Names, PerFormat, Role, SMALL};
use super::owners::{Keys, Owners};
use super::samples::{FamilyLines, Samples};
use super::series;

/// A collector on one database where it is installed.
#[derive(Clone, Debug)]
pub(in crate::scrape) struct Part {
    pub(in crate::scrape) database: Rc<str>,
    pub(in crate::scrape) collector: Arc<Collector>,
    /// What it serves; `None` for nothing.
    pub(in crate::scrape) samples: Option<Arc<Samples>>,
}

impl Part {
    /// What it serves in each family of its definition.
    fn families(&self) -> impl Iterator<Item = (&str, &[u8], &FamilyLines)> {
        let names = self.collector.values().flat_map(|column| column.families.iter());
        let samples = self.samples.as_deref();
        names.zip(0..).filter_map(move |(family, at)| {
            let lines = samples?.families.get(at)?;
            let bytes = samples?.bytes.get(lines.range.clone())?;
            Some((&*family.name, bytes, lines))
        })
    }

    /// What it serves in families that are other collectors', too.
    pub(in crate::scrape) fn shared_lines<'a>(
        &'a self,
        names: &'a Names,
    ) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let families = self
            .families()
            .filter(|(family, ..)| names.shared_head(family).is_some());
        families.map(|(family, lines, _)| (family, lines))
    }

    /// The keys of its series, by family. Where databases have different branches of the collector, their labels may stand in
    /// another order.
    fn keys(&self, is_mixed: bool, hasher: &RandomState) -> Option<Keys> {
        let samples = self.samples.as_ref()?;
        if !is_mixed {
            let keys = samples.families.iter().map(|lines| Arc::clone(&lines.keys));
            return Some(keys.collect());
        }
        let keys = |(_, text, lines): (&str, &[u8], &FamilyLines)| {
            let firsts = text
                .split_inclusive(|byte| *byte == b'\n')
                .step_by(lines.stride.max(1));
            let bucket = (lines.stride > 1).then_some("le");
            firsts.map(|line| series::key(line, bucket, hasher)).collect()
        };
        Some(self.families().map(keys).collect())
    }
}

/// A collector's share of the page, kept until its samples change. What it is in a format is made when that is asked for.
#[derive(Debug, Default)]
pub(in crate::scrape) struct Section {
    /// Identities of the samples it is made of; 0 where there are none.
    ids: Vec<(Rc<str>, u64)>,
    renderings: PerFormat<Option<Rendering>>,
    owners: Owners,
    /// The keys that the owners were settled by, part by part.
    keys: Vec<Option<Keys>>,
    hasher: RandomState,
}

/// A section in one format.
#[derive(Debug, Default)]
pub(in crate::scrape) struct Rendering {
    /// Heads and lines.
    pub(in crate::scrape) chunks: Vec<Bytes>,
    /// Series left out because another row or another database has the same labels.
    pub(in crate::scrape) duplicates: u64,
    /// Whether it is of earlier samples: only what is kept of it in compressed form is of use.
    is_outdated: bool,
    gzip: Kept<gzip::Compressor>,
    zstd: Kept<zstd::Compressor>,
}

impl Section {
    /// The section of these parts in a format, made anew if they changed. Families that are other collectors', too, are no part
    /// of it.
    pub(in crate::scrape) fn update(
        &mut self,
        parts: &[Part],
        format: Format,
        names: &Names,
    ) -> &mut Rendering {
        let id = |part: &Part| part.samples.as_ref().map_or(0, |samples| samples.id);
        let ids = || parts.iter().map(|part| (&part.database, id(part)));
        if !self.ids.iter().map(|(database, id)| (database, *id)).eq(ids()) {
            self.ids = ids().map(|(database, id)| (Rc::clone(database), id)).collect();
            self.renderings.each_mut().for_each(Rendering::outdate);
            self.settle(parts);
        }
        let Self {
            renderings,
            owners,
            keys,
            ..
        } = self;
        let rendering = renderings.get_mut(format);
        match rendering.take() {
            Some(known) if !known.is_outdated => rendering.insert(known),
            known => {
                let known = known.unwrap_or_default();
                let new = Rendering::new(parts, keys, owners, format, names);
                rendering.insert(Rendering {
                    gzip: known.gzip,
                    zstd: known.zstd,
                    ..new
                })
            }
        }
    }

    fn settle(&mut self, parts: &[Part]) {
        let is_mixed = parts.windows(2).any(
            |pair| matches!(pair, [one, other] if !have_the_same_labels(&one.collector, &other.collector)),
        );
        self.keys = parts
            .iter()
            .map(|part| part.keys(is_mixed, &self.hasher))
            .collect();
        let claims = parts.iter().zip(&self.keys);
        let claims: Vec<_> = claims
            .map(|(part, keys)| (&*part.database, keys.as_ref()))
            .collect();
        self.owners.settle(&claims);
    }

    /// Gives up what it is in each format.
    pub(in crate::scrape) fn forget_renderings(&mut self) {
        self.renderings = PerFormat::default();
    }

    /// Gives up what is made again in no time: what is compressed anew for each page.
    pub(in crate::scrape) fn forget_small_renderings(&mut self) {
        for rendering in self.renderings.each_mut() {
            let keeps = |rendering: &Rendering| rendering.is_outdated || !is_small(&rendering.chunks);
            *rendering = rendering.take().filter(keeps);
        }
    }

    /// The databases that yield the same series.
    pub(in crate::scrape) fn involved(&self) -> &BTreeSet<String> {
        self.owners.involved()
    }

    /// What was made of it last in a format.
    pub(in crate::scrape) fn rendering(&mut self, format: Format) -> Option<&mut Rendering> {
        let rendering = self.renderings.get_mut(format).as_mut();
        rendering.filter(|rendering| !rendering.is_outdated)
    }
}

impl Rendering {
    fn new(parts: &[Part], keys: &[Option<Keys>], owners: &Owners, format: Format, names: &Names) -> Self {
        let within = parts
            .iter()
            .filter_map(|part| Some(part.samples.as_ref()?.duplicates));
        let mut duplicates = within.sum();
        let mut shown = Vec::new();
        for mut family in families(parts, names) {
            for (at, (part, keys)) in parts.iter().zip(keys).enumerate() {
                let Some((samples, position)) = position_of(part, family.head.name) else {
                    continue;
                };
                let (Some(lines), Some(keys)) = (
                    samples.families.get(position),
                    keys.as_ref().and_then(|keys| keys.get(position)),
                ) else {
                    continue;
                };
                if lines.range.is_empty() {
                    continue;
                }
                if owners.are_distinct() {
                    family.lines.push(samples.bytes.slice(lines.range.clone()));
                } else {
                    let grants = |key| owners.grants(at, key);
                    duplicates += gather(samples, lines, keys, grants, &mut family.lines);
                }
            }
            if !family.lines.is_empty() {
                shown.push(family);
            }
        }
        Self {
            chunks: format.write(&shown, names),
            duplicates,
            ..Self::default()
        }
    }

    /// The samples have changed. One that nobody asked for since the last time is forgotten.
    fn outdate(known: &mut Option<Self>) {
        *known = known.take().filter(|known| !known.is_outdated).map(|mut known| {
            known.gzip.outdate();
            known.zstd.outdate();
            Self {
                is_outdated: true,
                gzip: known.gzip,
                zstd: known.zstd,
                ..Self::default()
            }
        });
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
fn compress<C: Codec>(chunks: &[Bytes], kept: &mut Kept<C>, stream: &mut Stream<'_, C>) -> io::Result<()> {
    if is_small(chunks) {
        chunks.iter().cloned().for_each(|chunk| stream.push(chunk));
        return Ok(());
    }
    stream.push_kept(chunks, kept)
}

fn is_small(chunks: &[Bytes]) -> bool {
    chunks.iter().map(Bytes::len).sum::<usize>() < SMALL
}

/// All families of the parts, still without lines, in the order of the definition. Parts may be different branches, where
/// databases differ in extensions.
fn families<'a>(parts: &'a [Part], names: &Names) -> Vec<Family<'a>> {
    let mut families: Vec<Family<'_>> = Vec::new();
    let mut last: Option<&Arc<Collector>> = None;
    for Part { collector, .. } in parts {
        if last.is_some_and(|last| Arc::ptr_eq(last, collector)) {
            continue;
        }
        last = Some(collector);
        for family in collector.values().flat_map(families_of) {
            let is_new = families.iter().all(|known| known.head.name != family.head.name);
            if is_new && names.shared_head(family.head.name).is_none() {
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

/// The samples of a part, and the family's position among theirs.
fn position_of<'a>(part: &'a Part, name: &str) -> Option<(&'a Samples, usize)> {
    let samples = part.samples.as_deref()?;
    let mut families = part.collector.values().flat_map(|column| column.families.iter());
    Some((samples, families.position(|family| family.name == name)?))
}

/// Whether the labels of two branches are the same in the same order.
fn have_the_same_labels(one: &Arc<Collector>, other: &Arc<Collector>) -> bool {
    let names = |collector: &Arc<Collector>| -> Vec<String> {
        collector.labels().map(|label| label.name.to_string()).collect()
    };
    Arc::ptr_eq(one, other) || names(one) == names(other)
}

/// Gathers those of a family's lines that are granted. Returns how many were left out.
fn gather(
    samples: &Samples,
    lines: &FamilyLines,
    keys: &[u64],
    is_granted: impl Fn(u64) -> bool,
    into: &mut Vec<Bytes>,
) -> u64 {
    let text = samples.bytes.get(lines.range.clone()).unwrap_or_default();
    let mut entries = text.split_inclusive(|byte| *byte == b'\n');
    let (mut granted, mut dropped) = (Vec::new(), 0);
    for key in keys {
        let is_granted = is_granted(*key);
        for line in entries.by_ref().take(lines.stride) {
            if is_granted {
                granted.extend_from_slice(line);
            } else {
                dropped += 1;
            }
        }
    }
    if !granted.is_empty() {
        // Spare room would be kept as long as the section.
        granted.shrink_to_fit();
        into.push(granted.into());
    }
    dropped
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
        let parts = samples.into_iter().enumerate().map(|(database, samples)| Part {
            database: format!("db{database}").into(),
            collector: Arc::clone(&collector),
            samples: Some(Arc::new(samples)),
        });
        (parts.collect(), dropped)
    }

    fn unit(parts: &[Part]) -> Rendering {
        let mut section = Section::default();
        std::mem::take(section.update(parts, Format::Text, &Names::default()))
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
