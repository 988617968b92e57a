//! postgres_exporter's `queries.yaml`, which 1.x took its language from, and CloudNativePG's, which is that in a ConfigMap.

use super::writer::Definition;
use super::{front, usages};
use crate::read::build_source::inner;
use crate::read::entry::{is_holder, own_words};
use crate::read::node::{Kind, Node};
use crate::read::report::FileReport;
use crate::read::scalar;

/// The definitions of a file, or of each text in a ConfigMap.
pub(crate) fn definitions(root: &Node, report: &mut FileReport<'_>) -> Vec<Definition> {
    let is_object = root
        .text("kind")
        .is_some_and(|kind| ["ConfigMap", "Secret"].contains(&kind));
    if !is_object {
        return of_map(root, report);
    }
    let texts = [root.get("data"), root.get("stringData")];
    let mut definitions = Vec::new();
    for (_, text) in texts.into_iter().flatten().flat_map(Node::pairs) {
        if let Some(map) = inner(text, report) {
            definitions.extend(of_map(&map, report));
        }
    }
    definitions
}

fn of_map(map: &Node, report: &mut FileReport<'_>) -> Vec<Definition> {
    let mut definitions = Vec::new();
    for (key, node) in map.pairs().iter().filter(|(key, _)| !is_holder(&key.value)) {
        let mut comments = Vec::new();
        if !matches!(node.kind, Kind::Map(_)) || node.get("query").is_none() {
            report.error(
                key.position,
                format!("`{}` is no definition with a `query`; it is left out", key.value),
            );
            continue;
        }
        let node = usages::in_our_words(key, node, &mut comments, report);
        for (key, mut node) in own_words(&key.clone(), &node, report) {
            without_comforts(&mut node);
            if yields_nothing(&node) {
                let message = format!(
                    "`{}` is skipped and has no metric column; it is left out",
                    key.value
                );
                report.warning(key.position, message);
                continue;
            }
            front::as_keys(&key, &mut node);
            definitions.push(Definition {
                branch: key.value,
                comments: std::mem::take(&mut comments),
                node,
            });
        }
    }
    definitions
}

/// Whether a definition is skipped, and would have no metric if it were not.
fn yields_nothing(node: &Node) -> bool {
    let columns = node.get("metrics").map_or(&[][..], Node::items);
    let is_value = |column: &Node| {
        let usage = column
            .only_pair()
            .and_then(|(_, properties)| properties.text("usage"));
        usage.is_none_or(|usage| {
            !["LABEL", "DISCARD"]
                .iter()
                .any(|one| one.eq_ignore_ascii_case(usage))
        })
    };
    node.text("skip").and_then(scalar::boolean) == Some(true) && !columns.iter().any(is_value)
}

/// Takes away what says what holds anyway: a column's own name, and keys without a value.
fn without_comforts(node: &mut Node) {
    let Some(metrics) = node.get_mut("metrics") else {
        return;
    };
    let Kind::List(columns) = &mut metrics.kind else {
        return;
    };
    for column in columns {
        let Kind::Map(pairs) = &mut column.kind else {
            continue;
        };
        for (key, properties) in pairs {
            let name = properties.text("name").map(str::to_owned);
            if let Some(name) = name {
                key.value = name;
            }
            if let Kind::Map(pairs) = &mut properties.kind {
                pairs.retain(|(word, value)| {
                    word.value != "name"
                        && !matches!(value.kind, Kind::Null)
                        && word.value != "metric_mapping"
                });
            }
        }
    }
}
