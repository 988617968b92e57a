//! From the model to YAML that loads back to the same: what is in force, after defaults, layers and tuning.

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};

use super::rename::{metric, rename};
use crate::language::key::{Key, Place, Takes, Value};
use crate::language::{collector, column, predicate};
use crate::model::{Collector, Column, Predicate};

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
struct PredicateEntry<'a>(&'a Predicate);
struct Entry<'a>(&'a Collector, &'a Column);
struct Properties<'a>(&'a Collector, &'a Column);
/// A value of that collector.
struct Written<'a>(&'a Collector, Value<'a>);

impl Serialize for Definitions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|one| (&one.branch, Definition(one))))
    }
}

impl Serialize for Definition<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for key in collector::KEYS {
            entry(&mut map, key, self.0, self.0)?;
        }
        map.end()
    }
}

impl Serialize for PredicateEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let none = Collector::default();
        for key in predicate::KEYS {
            entry(&mut map, key, self.0, &none)?;
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
        let Self(collector, it) = self;
        let mut map = serializer.serialize_map(None)?;
        for key in column::KEYS {
            let name = match &key.takes {
                Takes::Suffix => rename(collector, it),
                Takes::Metric => metric(collector, it),
                _ => {
                    entry(&mut map, key, it, collector)?;
                    None
                }
            };
            if let Some(name) = name {
                map.serialize_entry(key.name, name)?;
            }
        }
        map.end()
    }
}

/// A key with its value, unless that is the default.
fn entry<M: SerializeMap, T: Default>(
    map: &mut M,
    key: &Key<T>,
    it: &T,
    collector: &Collector,
) -> Result<(), M::Error> {
    let value = match key.place {
        Place::Needed => Some(key.get(it)),
        Place::Definition | Place::Tuning => key.given(it),
    };
    match value {
        Some(value) => map.serialize_entry(key.name, &Written(collector, value)),
        None => Ok(()),
    }
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(collector, value) = self;
        match value {
            Value::Nothing => serializer.serialize_unit(),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Boolean(flag) => serializer.serialize_bool(*flag),
            Value::Number(number) => serializer.serialize_f64(*number),
            Value::Whole(number) => serializer.serialize_i64(*number),
            Value::Words(words) => words.serialize(serializer),
            Value::Numbers(numbers) => numbers.serialize(serializer),
            Value::Settings(list) => {
                serializer.collect_map(list.iter().map(|setting| (&setting.name, &setting.value)))
            }
            Value::Predicates(list) => each(serializer, list.iter().map(PredicateEntry)),
            Value::Columns(list) => each(serializer, list.iter().map(|column| Entry(collector, column))),
        }
    }
}

fn each<S: Serializer, V: Serialize>(
    serializer: S,
    items: impl ExactSizeIterator<Item = V>,
) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(items.len()))?;
    for item in items {
        list.serialize_element(&item)?;
    }
    list.end()
}
