//! Collectors that yield the same series: told once in the log, and as a problem for as long as they do.

use std::collections::{BTreeMap, BTreeSet};

/// Who collided with whom, by collector or by family.
#[derive(Debug, Default)]
pub(in crate::scrape) struct Collisions {
    sentences: BTreeMap<Place, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// A collector, between databases.
    Collector(String),
    /// A family, between collectors.
    Family(String),
    /// A family of the exporter's own.
    Own(String),
}

/// Databases that are named; of more the number says enough.
const NAMED: usize = 4;

impl Collisions {
    /// Takes notice of those of the last page: collectors with the databases in which they yield the same series, families
    /// with the collectors that yield the same series, and families of the exporter's own.
    pub(in crate::scrape) fn update<'a>(
        &mut self,
        databases: impl Iterator<Item = (&'a str, &'a BTreeSet<String>)>,
        families: &BTreeMap<String, BTreeSet<String>>,
        own: impl Iterator<Item = &'a String>,
    ) {
        let databases = databases.map(|(collector, databases)| {
            (
                Place::Collector(collector.to_owned()),
                between_databases(collector, databases),
            )
        });
        let families = families.iter().map(|(family, collectors)| {
            (
                Place::Family(family.clone()),
                between_collectors(family, collectors),
            )
        });
        let own = own.map(|family| (Place::Own(family.clone()), with_own(family)));
        for (place, sentence) in databases.chain(families).chain(own) {
            if self.sentences.insert(place, sentence.clone()).is_none() {
                tracing::warn!("{sentence}");
            }
        }
    }

    /// What is wrong and what to do about it, a sentence for each.
    pub(in crate::scrape) fn sentences(&self) -> Vec<String> {
        self.sentences.values().cloned().collect()
    }
}

fn between_databases(collector: &str, databases: &BTreeSet<String>) -> String {
    let mut names: Vec<&str> = databases.iter().take(NAMED).map(String::as_str).collect();
    if databases.len() > NAMED {
        names.push("…");
    }
    format!(
        "{collector} yields the same series in {} databases ({}): one database's are kept, the others' are left out; add tags: \
         [cluster], or a label with the database",
        databases.len(),
        names.join(", ")
    )
}

fn between_collectors(family: &str, collectors: &BTreeSet<String>) -> String {
    let names: Vec<&str> = collectors.iter().map(String::as_str).collect();
    let what = if names.len() == 1 {
        "in several databases"
    } else {
        "by several collectors"
    };
    format!(
        "series of {family} are yielded {what} ({}): one's are kept, the others' are left out; rename the metric in all but one \
         of them, or add a label that tells them apart",
        names.join(", ")
    )
}

fn with_own(family: &str) -> String {
    format!(
        "a collector yields {family}, which is a metric of the exporter's own: the exporter's is kept; rename the collector's"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_say_what_to_add() {
        let set = |names: &[&str]| -> BTreeSet<String> { names.iter().map(ToString::to_string).collect() };
        let mut collisions = Collisions::default();
        let databases = set(&["postgres", "shop"]);
        let families = BTreeMap::from([("shop_open_orders".to_owned(), set(&["shop", "shop_open"]))]);
        let own = ["pg_up".to_owned()];
        for _ in 0..2 {
            collisions.update([("orders", &databases)].into_iter(), &families, own.iter());
        }
        let sentences = collisions.sentences();
        assert_eq!(sentences.len(), 3, "each once: {sentences:?}");
        let all = sentences.join("\n");
        for part in [
            "orders yields the same series in 2 databases (postgres, shop)",
            "add tags: [cluster], or a label with the database",
            "series of shop_open_orders are yielded by several collectors (shop, shop_open)",
            "a collector yields pg_up, which is a metric of the exporter's own",
        ] {
            assert!(all.contains(part), "{part}\n{all}");
        }
    }
}
