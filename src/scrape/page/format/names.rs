//! Which names families need beside their own in OpenMetrics, and which of these are free.
//!
//! There a family of counters is named without `_total`, a histogram has a name that its buckets, count and sum only
//! begin with, and none of the names that belong to a family may be another's. The configuration decides, not what is
//! on a page: a family's type stays what it is when a collector does not answer.

use std::collections::{HashMap, HashSet};

use pg_exporter_schema::{Collector, Column, Family, Usage};

use crate::self_metrics::{Kind, Metric};

/// Names that several families need, and families that are several collectors'.
#[derive(Debug, Default)]
pub(in crate::scrape) struct Names {
    contested: HashSet<String>,
    /// Families of several collectors, or of a collector and the exporter itself, with the head that they have.
    shared: HashMap<String, String>,
}

/// The name of a family of counters where OpenMetrics has one for it.
pub(in crate::scrape) fn without_total(name: &str) -> Option<&str> {
    name.strip_suffix("_total").filter(|base| !base.is_empty())
}

/// What a family of counters needs, by its name without `_total`.
fn of_counters(base: &str) -> [String; 2] {
    [base.to_owned(), format!("{base}_created")]
}

/// What a gauge histogram needs beside its buckets' name.
fn of_histogram(base: &str) -> [String; 3] {
    [base.to_owned(), format!("{base}_gcount"), format!("{base}_gsum")]
}

impl Names {
    /// The names of a set of collectors, in the order of execution, beside the exporter's own.
    pub(in crate::scrape) fn new<'a>(
        collectors: impl IntoIterator<Item = &'a Collector>,
        own: &[&Metric],
        namespace: &str,
    ) -> Self {
        let mut owners: HashMap<String, &str> = HashMap::new();
        let mut families: HashMap<&str, (&str, &str)> = HashMap::new();
        let (mut contested, mut shared) = (HashSet::new(), HashMap::new());
        let ours: HashSet<String> = own.iter().map(|metric| metric.full_name(namespace)).collect();
        for collector in collectors {
            for column in collector.values() {
                for name in needed(column) {
                    if owners.get(&name).is_some_and(|owner| *owner != column.name) {
                        contested.insert(name);
                    } else {
                        owners.insert(name, &column.name);
                    }
                }
                for Family { name, head, .. } in &*column.families {
                    let first = *families.entry(name).or_insert((&collector.name, head));
                    if first.0 != collector.name || ours.contains(&**name) {
                        shared.insert(name.to_string(), first.1.to_owned());
                    }
                }
            }
        }
        let needed: HashSet<String> = own
            .iter()
            .flat_map(|metric| needed_by_own(metric, namespace))
            .collect();
        contested.extend(owners.into_keys().filter(|name| needed.contains(name)));
        Self { contested, shared }
    }

    /// Whether no family is several collectors'.
    pub(in crate::scrape) fn has_none_shared(&self) -> bool {
        self.shared.is_empty()
    }

    /// The head of a family that several collectors have; `None` for others.
    pub(in crate::scrape) fn shared_head(&self, family: &str) -> Option<&str> {
        self.shared.get(family).map(String::as_str)
    }

    /// Whether counters of this name, which is without `_total`, can be a family of counters.
    pub(in crate::scrape) fn allow_counters(&self, base: &str) -> bool {
        self.are_free(&of_counters(base))
    }

    /// Whether a histogram of this name can be a gauge histogram.
    pub(in crate::scrape) fn allow_histogram(&self, base: &str) -> bool {
        self.are_free(&of_histogram(base))
    }

    fn are_free(&self, names: &[String]) -> bool {
        !names.iter().any(|name| self.contested.contains(name))
    }
}

/// All names that a metric of the exporter's own would like to have.
fn needed_by_own(metric: &Metric, namespace: &str) -> Vec<String> {
    let name = metric.full_name(namespace);
    let counters = without_total(&name).filter(|_| metric.kind == Kind::Counter);
    let mut names: Vec<String> = counters.into_iter().flat_map(of_counters).collect();
    names.push(name);
    names
}

/// All names that a column's families would like to have.
fn needed(column: &Column) -> Vec<String> {
    let mut names: Vec<String> = column
        .families
        .iter()
        .map(|family| family.name.to_string())
        .collect();
    match column.usage {
        Usage::Counter => names.extend(without_total(&column.name).into_iter().flat_map(of_counters)),
        Usage::Histogram => names.extend(of_histogram(&column.name)),
        Usage::Gauge | Usage::Label | Usage::Discard => {}
    }
    names
}
