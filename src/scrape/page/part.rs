//! What a collector serves of one database: a part of its section.

use std::hash::RandomState;
use std::rc::Rc;
use std::sync::Arc;

use pg_exporter_schema::Collector;

use super::format::Names;
use super::owners::Keys;
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
    pub(super) fn keys(&self, is_mixed: bool, hasher: &RandomState) -> Option<Keys> {
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

    /// Its samples, and a family's position among theirs.
    pub(super) fn position_of(&self, name: &str) -> Option<(&Samples, usize)> {
        let samples = self.samples.as_deref()?;
        let mut families = self.collector.values().flat_map(|column| column.families.iter());
        Some((samples, families.position(|family| family.name == name)?))
    }
}
