//! One collector's share of the page, kept until its samples change.

use std::collections::BTreeSet;
use std::hash::RandomState;
use std::rc::Rc;
use std::sync::Arc;

use pg_exporter_schema::Collector;

use super::format::{Format, Names, PerFormat};
use super::owners::{Keys, Owners};
use super::part::Part;
use super::rendering::Rendering;

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
                let new = Rendering::new(parts, keys, owners, format, names);
                rendering.insert(new.after(known.unwrap_or_default()))
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
            let keeps = |rendering: &Rendering| rendering.is_outdated || !rendering.is_small();
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

/// Whether the labels of two branches are the same in the same order.
fn have_the_same_labels(one: &Arc<Collector>, other: &Arc<Collector>) -> bool {
    let names = |collector: &Arc<Collector>| -> Vec<String> {
        collector.labels().map(|label| label.name.to_string()).collect()
    };
    Arc::ptr_eq(one, other) || names(one) == names(other)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use pg_exporter_schema::{Source, Strictness, compile};

    use super::super::encode::Encoder;
    use super::super::samples::Samples;
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
