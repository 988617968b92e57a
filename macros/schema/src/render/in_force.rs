//! What is in force of a definition besides its statements and columns, for people.

use std::time::Duration;

use crate::language::collector::KEYS;
use crate::language::key::{Key, Takes, Value};
use crate::model::Collector;

/// A key that says how a query is run, with what holds.
#[derive(Clone, Debug, PartialEq)]
pub struct InForce {
    /// The key as it is written.
    pub key: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// What holds.
    pub value: Shown,
}

/// A value for people.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// None.
    Nothing,
    /// A time.
    Time(Duration),
    /// Anything else, as it is written.
    Text(String),
}

/// The keys that can be tuned, in the order of the language: times, tags and the priority always, all else where it is given. Columns
/// are left out.
#[must_use]
pub fn in_force(collector: &Collector) -> Vec<InForce> {
    let keys = KEYS
        .iter()
        .filter(|key| key.is_tunable() && !matches!(key.takes, Takes::Columns(_)));
    let shown = keys.filter(|key| says_something_unset(key) || key.given(collector).is_some());
    let row = |key: &Key<Collector>| InForce {
        key: key.name,
        doc: key.doc,
        value: value(key, collector),
    };
    shown.map(row).collect()
}

/// Whether it is worth knowing what holds when the key is not there.
fn says_something_unset(key: &Key<Collector>) -> bool {
    matches!(
        key.takes,
        Takes::Tags(_) | Takes::Seconds(_) | Takes::Timeout(_) | Takes::Priority(_)
    )
}

fn value(key: &Key<Collector>, collector: &Collector) -> Shown {
    match (&key.takes, key.get(collector)) {
        (Takes::Seconds(_) | Takes::Timeout(_), Value::Number(seconds)) => {
            match Duration::try_from_secs_f64(seconds) {
                Ok(time) if !time.is_zero() => Shown::Time(time),
                _ => Shown::Nothing,
            }
        }
        (Takes::Timeout(_), _) => Shown::Nothing,
        (_, Value::Words(words)) if !words.is_empty() => Shown::Text(words.join(", ")),
        (_, Value::Settings(list)) if !list.is_empty() => {
            let settings = list
                .iter()
                .map(|setting| format!("{}: {}", setting.name, setting.value));
            Shown::Text(settings.collect::<Vec<_>>().join(", "))
        }
        (_, Value::Boolean(flag)) => Shown::Text(flag.to_string()),
        (_, Value::Whole(number)) => Shown::Text(number.to_string()),
        (_, Value::Number(number)) => Shown::Text(number.to_string()),
        (_, Value::Text(text)) => Shown::Text(text.to_owned()),
        _ => Shown::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Tag;

    #[test]
    fn every_key_that_is_set_is_there() {
        let text = "a: { query: SELECT 1 AS x, ttl: 10, timeout: -1, tags: [cluster, primary], settings: { work_mem: 4MB }, search_path: [a, b], \
                    min_version: 140000, max_version: 180000, fatal: true, skip: true, priority: 7, max_series: 5, max_stale: 60, partial: true, \
                    metrics: [ x: { usage: GAUGE, description: X } ] }";
        let outcome = crate::compile(&[crate::Source::new("a.yml", text)], crate::Strictness::Strict);
        let all = in_force(outcome.collectors.first().unwrap_or(&Collector::default()));
        let texts: Vec<String> = all
            .iter()
            .map(|one| match &one.value {
                Shown::Nothing => format!("{} none", one.key),
                Shown::Time(time) => format!("{} {time:?}", one.key),
                Shown::Text(text) => format!("{} {text}", one.key),
            })
            .collect();
        let expected = [
            "tags cluster, primary",
            "ttl 10s",
            "search_path a, b",
            "settings work_mem: 4MB",
            "timeout none",
            "min_version 140000",
            "max_version 180000",
            "fatal true",
            "skip true",
            "priority 7",
            "max_series 5",
            "max_stale 60s",
            "partial true",
        ];
        assert_eq!(texts, expected);
        let tunable = KEYS.iter().filter(|key| key.is_tunable()).count();
        assert_eq!(all.len() + 1, tunable, "all but `metrics`");
    }

    #[test]
    fn of_what_is_not_set_times_tags_and_priority_are_told() {
        let none = Collector {
            tags: vec![Tag::Cluster].into(),
            ..Collector::default()
        };
        let keys: Vec<&str> = in_force(&none).iter().map(|one| one.key).collect();
        assert_eq!(keys, ["tags", "ttl", "timeout", "priority", "max_stale"]);
    }
}
