//! The page: the exporter's own metrics, then a unit for each collector.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::compress::{Codec, Stream, gzip, zstd};
use super::format::{Format, Names};
use super::section::{Part, Rendering, Section};
use crate::catalog::Live;
use crate::scrape::request::{Encoding, Page};

/// What makes a target's pages, and the parts of them that are kept.
#[derive(Debug, Default)]
pub(in crate::scrape) struct Pages {
    units: BTreeMap<String, Section>,
    gzip: gzip::Compressor,
    zstd: zstd::Compressor,
    names: Names,
    /// The set of collectors that `names` are of.
    live: Option<Arc<Live>>,
}

impl Pages {
    /// Units are of this set from now on.
    pub(in crate::scrape) fn follow(&mut self, live: Arc<Live>, namespace: &str) {
        if !self.live.as_ref().is_some_and(|known| Arc::ptr_eq(known, &live)) {
            self.names = Names::new(live.collectors.iter().map(|collector| &**collector), namespace);
            self.units.clear();
            self.live = Some(live);
        }
    }

    /// Brings the units of these collectors up to date in a format. Returns the series dropped because several databases
    /// have them.
    pub(in crate::scrape) fn update<'a>(
        &mut self,
        shown: impl Iterator<Item = &'a (String, Vec<Part>)>,
        format: Format,
    ) -> u64 {
        let mut duplicates = 0;
        for (name, parts) in shown {
            let unit = self.units.entry(name.clone()).or_default();
            duplicates += unit.update(parts, format, &self.names).duplicates;
        }
        duplicates
    }

    /// Forgets the units of collectors that are not on the page.
    pub(in crate::scrape) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.units.retain(|name, _| keep(name));
    }

    /// A page of the exporter's own metrics, which are text, and the units of these collectors as they were brought up
    /// to date.
    pub(in crate::scrape) fn page<'a>(
        &mut self,
        own: Bytes,
        collectors: &(impl Iterator<Item = &'a str> + Clone),
        format: Format,
        encoding: Encoding,
    ) -> Page {
        let own = format.convert(own, &self.names);
        let units = &mut self.units;
        let mut each = |visit: &mut dyn FnMut(&mut Rendering) -> io::Result<()>| {
            collectors.clone().try_for_each(|name| {
                let rendering = units.get_mut(name).and_then(|unit| unit.rendering(format));
                rendering.map_or(Ok(()), &mut *visit)
            })
        };
        let packed = match encoding {
            Encoding::Identity => None,
            Encoding::Gzip => Some(pack(&mut self.gzip, &own, format, &mut each, Rendering::gzip)),
            Encoding::Zstd => Some(pack(&mut self.zstd, &own, format, &mut each, Rendering::zstd)),
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

fn pack<C: Codec>(
    codec: &mut C,
    own: &[Bytes],
    format: Format,
    each: &mut Each<'_>,
    add: fn(&mut Rendering, &mut Stream<'_, C>) -> io::Result<()>,
) -> io::Result<Vec<Bytes>> {
    let mut stream = Stream::new(codec);
    own.iter().cloned().for_each(|chunk| stream.push(chunk));
    each(&mut |rendering| add(rendering, &mut stream))?;
    format.end().into_iter().for_each(|chunk| stream.push(chunk));
    stream.finish()
}
