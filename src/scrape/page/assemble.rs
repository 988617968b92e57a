//! The page: the exporter's own metrics, the families of several collectors, then a section for each collector.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::compress::{Codec, Compressors, Loose, Made, Stream, gzip, zstd};
use super::format::{Format, Names};
use super::part::Part;
use super::rendering::Rendering;
use super::section::Section;
use super::shared::{Gathered, Shared};
use crate::catalog::Live;
use crate::scrape::request::{Encoding, Page};
use crate::self_metrics::Metric;

/// What makes a target's pages, and the parts of them that are kept.
#[derive(Debug, Default)]
pub(in crate::scrape) struct Pages {
    sections: BTreeMap<String, Section>,
    shared: Shared,
    compressors: Compressors,
    loose: (Loose<gzip::Compressor>, Loose<zstd::Compressor>),
    names: Names,
    /// The set of collectors that `names` are of.
    live: Option<Arc<Live>>,
}

impl Pages {
    /// Pages that are compressed by these.
    pub(in crate::scrape) fn compressed_by(compressors: Compressors) -> Self {
        Self {
            compressors,
            ..Self::default()
        }
    }

    /// Sections are of this set from now on. `own` are the exporter's own metrics that are on the page. Whether it is another
    /// set than before.
    pub(in crate::scrape) fn follow(&mut self, live: Arc<Live>, own: &[&Metric], namespace: &str) -> bool {
        let is_another = !self.live.as_ref().is_some_and(|known| Arc::ptr_eq(known, &live));
        if is_another {
            self.names = Names::new(
                live.collectors.iter().map(|collector| &**collector),
                own,
                namespace,
            );
            self.sections.clear();
            self.shared.clear();
            self.live = Some(live);
        }
        is_another
    }

    /// Brings the sections of these collectors up to date in a format. Returns the series left out because another row or
    /// another database has the same labels.
    pub(in crate::scrape) fn update<'a>(
        &mut self,
        shown: impl Iterator<Item = &'a (String, Vec<Part>)>,
        format: Format,
    ) -> u64 {
        let mut duplicates = 0;
        for (name, parts) in shown {
            let section = self.sections.entry(name.clone()).or_default();
            duplicates += section.update(parts, format, &self.names).duplicates;
        }
        duplicates
    }

    /// Gathers the families that several collectors have, of those that are shown.
    pub(in crate::scrape) fn gather(
        &mut self,
        order: &[(String, Vec<Part>)],
        is_shown: impl Fn(&str) -> bool,
    ) -> Gathered {
        self.shared.gather(order, &self.names, is_shown)
    }

    /// How many series of shared families are left out because the exporter has them itself, by family.
    pub(in crate::scrape) fn left_out_for(&self, own: &Bytes, gathered: &Gathered) -> BTreeMap<String, u64> {
        if gathered.is_empty() {
            return BTreeMap::new();
        }
        self.shared.merge(own, gathered, &self.names).1
    }

    /// Collectors that yield the same series in several databases, with these.
    pub(in crate::scrape) fn overlaps(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        let all = self
            .sections
            .iter()
            .map(|(name, section)| (name.as_str(), section.involved()));
        all.filter(|(_, databases)| !databases.is_empty())
    }

    /// Gives up what sections are in each format. Who owns a series stays as it was.
    pub(in crate::scrape) fn forget_renderings(&mut self) {
        self.sections.values_mut().for_each(Section::forget_renderings);
        self.loose = Default::default();
    }

    /// Gives up of that what is made again in no time.
    pub(in crate::scrape) fn forget_small_renderings(&mut self) {
        self.sections
            .values_mut()
            .for_each(Section::forget_small_renderings);
        self.loose = Default::default();
    }

    /// Forgets the sections of collectors that are not installed.
    pub(in crate::scrape) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.sections.retain(|name, _| keep(name));
    }

    /// A page of the exporter's own metrics, which are text, the shared families, and the sections of these collectors as they
    /// were brought up to date.
    pub(in crate::scrape) fn page<'a>(
        &mut self,
        own: Bytes,
        gathered: &Gathered,
        collectors: &(impl Iterator<Item = &'a str> + Clone),
        format: Format,
        encoding: Encoding,
    ) -> Page {
        let own = if gathered.is_empty() {
            format.convert(own, &self.names)
        } else {
            format.write(&self.shared.merge(&own, gathered, &self.names).0, &self.names)
        };
        let (sections, loose) = (&mut self.sections, &mut self.loose);
        let mut each = |visit: &mut dyn FnMut(&mut Rendering) -> io::Result<()>| {
            collectors.clone().try_for_each(|name| {
                let rendering = sections
                    .get_mut(name)
                    .and_then(|section| section.rendering(format));
                rendering.map_or(Ok(()), &mut *visit)
            })
        };
        let packed = match encoding {
            Encoding::Identity => None,
            Encoding::Gzip => Some(
                self.compressors
                    .gzip(|codec| pack((codec, &mut loose.0), &own, format, &mut each, Rendering::gzip)),
            ),
            Encoding::Zstd => Some(
                self.compressors
                    .zstd(|codec| pack((codec, &mut loose.1), &own, format, &mut each, Rendering::zstd)),
            ),
        };
        match packed {
            Some(Ok(chunks)) => return Page { chunks, encoding },
            Some(Err(error)) => tracing::error!("the page is sent as it is: compressing it failed: {error}"),
            None => {}
        }
        let mut chunks = own;
        let _ = each(&mut |rendering| {
            chunks.extend(rendering.chunks.iter().cloned());
            Ok(())
        });
        chunks.extend(format.end());
        Page {
            chunks,
            encoding: Encoding::Identity,
        }
    }
}

/// Calls with the rendering of each collector on the page, until one fails.
type Each<'a> = dyn FnMut(&mut dyn FnMut(&mut Rendering) -> io::Result<()>) -> io::Result<()> + 'a;

fn pack<C: Codec + 'static>(
    (codec, loose): (&mut C, &mut Loose<C>),
    own: &[Bytes],
    format: Format,
    each: &mut Each<'_>,
    add: fn(&mut Rendering, &mut Stream<'_, C>) -> io::Result<()>,
) -> io::Result<Vec<Bytes>> {
    let mut stream = Stream::new(codec, loose);
    stream.push_changing(own)?;
    each(&mut |rendering| add(rendering, &mut stream))?;
    format.end().into_iter().for_each(|chunk| stream.push(chunk));
    let Made { chunks, work } = stream.finish()?;
    if !work.is_empty() {
        // Nobody waits for it. Without a runtime, in tests, it is left.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(|| work.run());
        }
    }
    Ok(chunks)
}

#[cfg(test)]
#[path = "assemble_tests.rs"]
mod tests;
