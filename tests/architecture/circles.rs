//! Circles in a graph of names.

use std::collections::{BTreeMap, BTreeSet};

/// The groups of names that reach each other, each in order. A graph without circles has none.
pub(super) fn circles<'a>(edges: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Vec<&'a str>> {
    let mut graph: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in edges {
        graph.entry(from).or_default().insert(to);
        graph.entry(to).or_default();
    }
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        graph.keys().map(|&name| (name, reached(name, &graph))).collect();
    let mut groups = BTreeSet::new();
    for (&name, seen) in &reach {
        if seen.contains(name) {
            let group = seen.iter().filter(|other| reach[*other].contains(name)).copied();
            groups.insert(group.collect::<Vec<_>>());
        }
    }
    groups.into_iter().collect()
}

fn reached<'a>(from: &str, graph: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut waiting: Vec<&str> = graph[from].iter().copied().collect();
    while let Some(next) = waiting.pop() {
        if seen.insert(next) {
            waiting.extend(&graph[next]);
        }
    }
    seen
}

#[test]
fn a_circle_is_found() {
    assert_eq!(
        circles([("a", "b"), ("b", "c"), ("a", "c")]),
        Vec::<Vec<&str>>::new()
    );
    assert_eq!(circles([("a", "b"), ("b", "c"), ("c", "b")]), [["b", "c"]]);
    assert_eq!(
        circles([("a", "b"), ("b", "a"), ("c", "c")]),
        [vec!["a", "b"], vec!["c"]]
    );
}
