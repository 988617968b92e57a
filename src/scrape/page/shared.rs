//! Families that several collectors have, or a collector and the exporter itself: on the page they are one.
//!
//! The rule for equal series: the exporter's own wins; of collectors, whoever served it first keeps it for as long as it is
//! installed there, and of those that begin at the same time the first in the order of execution. Type and help text are those
//! of the first collector in that order, or the exporter's own.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::RandomState;

use bytes::{Bytes, BytesMut};

use super::format::{Family, Head, Names, Role};
use super::part::Part;
use super::series;

/// Who serves which series of shared families.
#[derive(Debug, Default)]
pub(in crate::scrape) struct Shared {
    hasher: RandomState,
    /// By family and labels: the collector and the database.
    owners: HashMap<(String, u64), (String, String)>,
}

/// The shared families of a page.
#[derive(Debug, Default)]
pub(in crate::scrape) struct Gathered {
    families: BTreeMap<String, Vec<u8>>,
    /// Series that were left out.
    pub(in crate::scrape) duplicates: u64,
    /// Families with equal series, and who yields them.
    pub(in crate::scrape) collisions: BTreeMap<String, BTreeSet<String>>,
}

impl Shared {
    /// Forgets who serves what.
    pub(in crate::scrape) fn clear(&mut self) {
        self.owners.clear();
    }

    /// Gathers the shared families of the collectors that are shown, out of the parts of all.
    pub(in crate::scrape) fn gather(
        &mut self,
        order: &[(String, Vec<Part>)],
        names: &Names,
        is_shown: impl Fn(&str) -> bool,
    ) -> Gathered {
        let mut gathered = Gathered::default();
        if names.has_none_shared() {
            return gathered;
        }
        let parts = || {
            order
                .iter()
                .flat_map(|(name, parts)| parts.iter().map(move |part| (name, part)))
        };
        let installed: HashSet<(&str, &str)> =
            parts().map(|(name, part)| (&**name, &*part.database)).collect();
        self.owners
            .retain(|_, (collector, database)| installed.contains(&(collector.as_str(), database.as_str())));
        for (name, part) in parts() {
            let shown = is_shown(name);
            for (family, lines) in part.shared_lines(names) {
                for line in lines.split_inclusive(|byte| *byte == b'\n') {
                    let key = (family.to_owned(), series::key(line, None, &self.hasher));
                    let me = (name.clone(), part.database.to_string());
                    let owner = self.owners.entry(key).or_insert_with(|| me.clone());
                    if *owner != me {
                        let involved = gathered.collisions.entry(family.to_owned()).or_default();
                        involved.extend([owner.0.clone(), name.clone()]);
                        gathered.duplicates += u64::from(shown);
                    } else if shown {
                        let text = gathered.families.entry(family.to_owned()).or_default();
                        text.extend_from_slice(line);
                    }
                }
            }
        }
        gathered
    }

    /// The exporter's own metrics with what collectors have in their families, and the shared families that are nobody else's
    /// on this page. Returns how many series were left out for the exporter's own, too, by family.
    pub(in crate::scrape) fn merge<'a>(
        &self,
        own: &'a Bytes,
        gathered: &Gathered,
        names: &'a Names,
    ) -> (Vec<Family<'a>>, BTreeMap<String, u64>) {
        let mut families = Family::split(own);
        let mut dropped: BTreeMap<String, u64> = BTreeMap::new();
        for (name, lines) in &gathered.families {
            let Some(family) = families.iter_mut().find(|family| family.head.name == name) else {
                let head = names.shared_head(name).and_then(Head::parse);
                families.extend(head.map(|head| Family {
                    head,
                    role: Role::Single,
                    lines: vec![Bytes::copy_from_slice(lines)],
                }));
                continue;
            };
            let keys_of = |lines: &[u8]| -> Vec<u64> {
                let lines = lines.split_inclusive(|byte| *byte == b'\n');
                lines.map(|line| series::key(line, None, &self.hasher)).collect()
            };
            let own: HashSet<u64> = family.lines.iter().flat_map(|lines| keys_of(lines)).collect();
            let mut others = BytesMut::new();
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                if own.contains(&series::key(line, None, &self.hasher)) {
                    *dropped.entry(name.clone()).or_default() += 1;
                } else {
                    others.extend_from_slice(line);
                }
            }
            if !others.is_empty() {
                family.lines.push(others.freeze());
            }
        }
        (families, dropped)
    }
}

impl Gathered {
    /// Whether no family is shared on this page.
    pub(in crate::scrape) fn is_empty(&self) -> bool {
        self.families.is_empty()
    }
}
