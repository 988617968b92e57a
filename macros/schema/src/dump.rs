//! From the model to YAML that loads back to the same: what is in force, after defaults, layers and tuning.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::write::rename;
use crate::{Collector, Column, DEFAULT_TIMEOUT, OPEN, Predicate, Usage};

/// A set as one definition file. Empty when the set is.
#[must_use]
pub fn dump(collectors: &[Collector]) -> String {
    if collectors.is_empty() {
        return String::new();
    }
    // Serialization fails for maps with keys that are no scalars only, and there are none.
    serde_yaml::to_string(&Definitions(collectors)).unwrap_or_default()
}

struct Definitions<'a>(&'a [Collector]);
struct Definition<'a>(&'a Collector);
struct Entry<'a>(&'a Collector, &'a Column);
struct Properties<'a>(&'a Collector, &'a Column);
struct PredicateEntry<'a>(&'a Predicate);

impl Serialize for Definitions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0
                .iter()
                .map(|collector| (&collector.branch, Definition(collector))),
        )
    }
}

impl Serialize for Definition<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let collector = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &collector.name)?;
        if !collector.desc.is_empty() {
            map.serialize_entry("desc", &collector.desc)?;
        }
        map.serialize_entry("query", &collector.query)?;
        if !collector.predicates.is_empty() {
            let predicates: Vec<_> = collector.predicates.iter().map(PredicateEntry).collect();
            map.serialize_entry("predicate_queries", &predicates)?;
        }
        conditions(collector, &mut map)?;
        limits(collector, &mut map)?;
        map.serialize_entry("priority", &collector.priority)?;
        let columns: Vec<_> = collector
            .columns
            .iter()
            .map(|column| Entry(collector, column))
            .collect();
        map.serialize_entry("metrics", &columns)?;
        map.end()
    }
}

fn conditions<M: SerializeMap>(collector: &Collector, map: &mut M) -> Result<(), M::Error> {
    if !collector.tags.is_empty() {
        map.serialize_entry(
            "tags",
            &collector.tags.iter().map(ToString::to_string).collect::<Vec<_>>(),
        )?;
    }
    if collector.min_version != 0 {
        map.serialize_entry("min_version", &collector.min_version)?;
    }
    if collector.max_version != OPEN {
        map.serialize_entry("max_version", &collector.max_version)?;
    }
    Ok(())
}

fn limits<M: SerializeMap>(collector: &Collector, map: &mut M) -> Result<(), M::Error> {
    if !collector.ttl.is_zero() {
        map.serialize_entry("ttl", &collector.ttl.as_secs_f64())?;
    }
    match collector.timeout {
        Some(DEFAULT_TIMEOUT) => {}
        Some(timeout) => map.serialize_entry("timeout", &timeout.as_secs_f64())?,
        None => map.serialize_entry("timeout", &-1)?,
    }
    for (key, flag) in [("fatal", collector.fatal), ("skip", collector.skip)] {
        if flag {
            map.serialize_entry(key, &true)?;
        }
    }
    if collector.max_series != 0 {
        map.serialize_entry("max_series", &collector.max_series)?;
    }
    if !collector.max_stale.is_zero() {
        map.serialize_entry("max_stale", &collector.max_stale.as_secs_f64())?;
    }
    Ok(())
}

impl Serialize for PredicateEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Predicate { name, query, ttl } = self.0;
        let mut map = serializer.serialize_map(None)?;
        if !name.is_empty() {
            map.serialize_entry("name", name)?;
        }
        map.serialize_entry("predicate_query", query)?;
        if !ttl.is_zero() {
            map.serialize_entry("ttl", &ttl.as_secs_f64())?;
        }
        map.end()
    }
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(&self.1.column, Properties(self.0, self.1))])
    }
}

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(collector, column) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("usage", usage(column.usage))?;
        if let Some(rename) = rename(collector, column) {
            map.serialize_entry("rename", &rename)?;
        }
        if column.scale.to_bits() != 1.0_f64.to_bits() {
            map.serialize_entry("scale", &column.scale)?;
        }
        if let Some(default) = &column.default {
            map.serialize_entry("default", default)?;
        }
        if !column.buckets.is_empty() {
            let bounds: Vec<f64> = column.buckets.iter().map(|bucket| bucket.bound).collect();
            map.serialize_entry("bucket", &bounds)?;
        }
        map.serialize_entry("description", &column.help)?;
        map.end()
    }
}

/// The word of a usage.
pub(crate) fn usage(usage: Usage) -> &'static str {
    match usage {
        Usage::Label => "LABEL",
        Usage::Gauge => "GAUGE",
        Usage::Counter => "COUNTER",
        Usage::Histogram => "HISTOGRAM",
        Usage::Discard => "DISCARD",
    }
}
