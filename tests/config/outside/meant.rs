//! What an author meant, as the last lines of a file say it:
//!
//! ```text
//! # gives everywhere: pg_lag_seconds{slot, kind} gauge
//! # gives on 15, 18: pg_walk_bytes{} counter
//! # value: pg_lag_seconds{slot="a",kind="b"} 3
//! ```
//!
//! A value counts on those servers on which its name is given.

use std::collections::BTreeSet;
use std::path::Path;

use pg_exporter_lab::{Page, page::Sample};

/// Families with their labels and types, and the values that are known.
#[derive(Debug)]
pub struct Meant {
    families: BTreeSet<String>,
    values: Vec<Sample>,
}

impl Meant {
    pub fn read(file: &Path, major: u32) -> Self {
        let text = std::fs::read_to_string(file).unwrap();
        let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# ")).collect();
        let given = lines.iter().filter_map(|line| {
            if let Some(family) = line.strip_prefix("gives everywhere: ") {
                return Some(family);
            }
            let (majors, family) = line.strip_prefix("gives on ")?.split_once(": ")?;
            majors
                .split(", ")
                .any(|one| one.parse() == Ok(major))
                .then_some(family)
        });
        let families: BTreeSet<String> = given.map(normal).collect();
        let names: BTreeSet<&str> = families.iter().filter_map(|one| one.split('{').next()).collect();
        let values: String = lines
            .iter()
            .filter_map(|line| line.strip_prefix("value: "))
            .map(|line| format!("{line}\n"))
            .collect();
        let mut values = Page::parse(&values).samples;
        values.retain(|value| names.contains(&*value.name));
        assert!(
            text.contains("\n# gives "),
            "{}: what does it give?",
            file.display()
        );
        Self { families, values }
    }

    /// What a page has too much, too little, or wrong.
    pub fn compare(&self, page: &Page) -> Vec<String> {
        let found = families(page);
        let missing = self.families.difference(&found).map(|one| format!("lacks {one}"));
        let more = found
            .difference(&self.families)
            .map(|one| format!("has also {one}"));
        let wrong = self.values.iter().filter_map(|meant| {
            let same = |sample: &&Sample| sample.name == meant.name && sorted(sample) == sorted(meant);
            let found: Vec<f64> = page.samples.iter().filter(same).map(|one| one.value).collect();
            let is_it = |value: &f64| *value == meant.value || (value.is_nan() && meant.value.is_nan());
            (found.len() != 1 || !found.iter().all(is_it)).then(|| format!("{meant:?}: {found:?}"))
        });
        missing.chain(more).chain(wrong).collect()
    }
}

fn sorted(sample: &Sample) -> Vec<&(String, String)> {
    let mut labels: Vec<_> = sample.labels.iter().collect();
    labels.sort();
    labels
}

/// `name{labels in order} type` of each family with its labels.
pub fn families(page: &Page) -> BTreeSet<String> {
    let samples = page.samples.iter().filter(|sample| !is_own(&sample.name));
    samples
        .map(|sample| {
            let labels: Vec<&str> = sample.labels.iter().map(|(name, _)| name.as_str()).collect();
            let kind = page.types.get(&sample.name).map_or("of no type", String::as_str);
            normal(&format!("{}{{{}}} {kind}", sample.name, labels.join(", ")))
        })
        .collect()
}

/// Whether a metric is the exporter's own.
pub fn is_own(name: &str) -> bool {
    name.starts_with("pg_exporter_") || name.starts_with("process_")
}

/// With its labels in order.
pub fn normal(family: &str) -> String {
    let (name, rest) = family.split_once('{').unwrap();
    let (labels, kind) = rest.split_once('}').unwrap();
    let mut labels: Vec<&str> = labels.split(", ").collect();
    labels.sort_unstable();
    format!("{name}{{{}}}{kind}", labels.join(", "))
}
