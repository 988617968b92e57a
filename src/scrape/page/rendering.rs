//! A section in one format: every family once, every database's lines below its head.

use std::sync::Arc;
use std::{io, iter};

use bytes::Bytes;
use pg_exporter_schema::{Collector, Column, Usage};

use super::compress::kept::Kept;
use super::compress::{Codec, Stream, gzip, zstd};
use super::format::{Family, Format, Head, Names, Role};
use super::owners::{Keys, Owners};
use super::part::Part;
use super::samples::{FamilyLines, Samples};

/// A section in one format.
#[derive(Debug, Default)]
pub(in crate::scrape) struct Rendering {
    /// Heads and lines.
    pub(in crate::scrape) chunks: Vec<Bytes>,
    /// Series left out because another row or another database has the same labels.
    pub(in crate::scrape) duplicates: u64,
    /// Whether it is of earlier samples: only what is kept of it in compressed form is of use.
    pub(super) is_outdated: bool,
    gzip: Kept<gzip::Compressor>,
    zstd: Kept<zstd::Compressor>,
}

impl Rendering {
    pub(super) fn new(
        parts: &[Part],
        keys: &[Option<Keys>],
        owners: &Owners,
        format: Format,
        names: &Names,
    ) -> Self {
        let within = parts
            .iter()
            .filter_map(|part| Some(part.samples.as_ref()?.duplicates));
        let mut duplicates = within.sum();
        let mut shown = Vec::new();
        for mut family in families(parts, names) {
            for (at, (part, keys)) in parts.iter().zip(keys).enumerate() {
                let Some((samples, position)) = part.position_of(family.head.name) else {
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

    /// With what is kept in compressed form of an earlier one.
    pub(super) fn after(self, known: Self) -> Self {
        Self {
            gzip: known.gzip,
            zstd: known.zstd,
            ..self
        }
    }

    /// Whether it is compressed anew for each page, in no time.
    pub(super) fn is_small(&self) -> bool {
        is_small(&self.chunks)
    }

    /// The samples have changed. One that nobody asked for since the last time is forgotten.
    pub(super) fn outdate(known: &mut Option<Self>) {
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

/// What is below this size is compressed together with its neighbours: a segment begins with empty tables, and refers to nothing before
/// it.
const SMALL: usize = 16 * 1024;

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
