//! `runonserver: ">=10.0.0 <12.0.0 || >=14.0.0"`: a branch for each range, since a definition has one.

use super::node::Node;
use super::position::At;
use super::runonserver;

type Entry = (At<String>, Node);

/// The entry, or one for each of the ranges that its versions are in, and one that is skipped for what is meant to be between them.
pub(crate) fn alternatives(key: &At<String>, node: &Node) -> Vec<Entry> {
    let text = node.text("runonserver").unwrap_or_default();
    let parts = text.split("||").map(str::trim).filter(|part| !part.is_empty());
    let ranges: Vec<&str> = parts.collect();
    if ranges.len() < 2 {
        return vec![(key.clone(), node.clone())];
    }
    let name = node.text("name").unwrap_or(&key.value).to_owned();
    let named = |suffix: &str| {
        let mut own = node.clone();
        own.set("name", Node::scalar_at(key.position, name.as_str()));
        (At::new(format!("{}_{suffix}", key.value), key.position), own)
    };
    let mut entries: Vec<Entry> = Vec::new();
    for (at, range) in ranges.iter().enumerate() {
        let (branch, mut own) = if at == 0 {
            (key.clone(), node.clone())
        } else {
            named(&(at + 1).to_string())
        };
        own.set("runonserver", Node::scalar_at(key.position, *range));
        entries.push((branch, own));
    }
    for (at, (min, max)) in gaps(&ranges).into_iter().enumerate() {
        let (branch, mut own) = named(&format!("not_{}", at + 1));
        own.remove("runonserver");
        for (word, value) in [("min_version", min), ("max_version", max)] {
            own.set(word, Node::scalar_at(key.position, value.to_string()));
        }
        own.set("skip", Node::scalar_at(key.position, "true"));
        entries.push((branch, own));
    }
    entries
}

/// The versions between ranges, first and last; none where a range cannot be read.
fn gaps(ranges: &[&str]) -> Vec<(u32, u32)> {
    let read: Result<Vec<_>, _> = ranges.iter().map(|range| runonserver::range(range)).collect();
    let mut read = read.unwrap_or_default();
    read.sort_by_key(|range| range.min.unwrap_or(0));
    let pairs = read.iter().zip(read.iter().skip(1));
    let gap = pairs.filter_map(|(below, above)| Some((below.max?, above.min?)));
    gap.filter(|(end, start)| end < start).collect()
}
