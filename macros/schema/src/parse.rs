//! Pass 1: from the tree of a file to raw definitions. Finds what is wrong with a single key or value.

use std::sync::Arc;

use crate::node::{self, Kind, Node};
use crate::place::{At, Spot};
use crate::report::{FileReport, Report};
use crate::value::{boolean, items, number, pairs, string, unknown_key, whole};
use crate::{Source, Usage, keys, raw, text};

/// The entries of a file.
pub(crate) fn file(source: &Source, report: &mut Report) -> Vec<raw::Entry> {
    let file: Arc<str> = Arc::from(source.path.as_ref());
    let mut report = report.in_file(&file);
    let Some(root) = tree(source, &mut report) else {
        return Vec::new();
    };
    pairs(&root, "a definition file", &mut report)
        .into_iter()
        .filter_map(|(key, node)| entry(key, node, &mut report))
        .collect()
}

/// A file as a tree, if it is YAML in UTF-8.
pub(crate) fn tree(source: &Source, report: &mut FileReport<'_>) -> Option<Node> {
    let text = utf8(&source.text, report)?;
    match node::read(text) {
        Ok(root) => Some(root),
        Err(error) => {
            report.error(error.spot, format!("not YAML: {}", error.message));
            None
        }
    }
}

fn utf8<'a>(bytes: &'a [u8], report: &mut FileReport<'_>) -> Option<&'a str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
            let start = good
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1);
            let column = 1 + String::from_utf8_lossy(good.get(start..).unwrap_or_default())
                .chars()
                .count();
            let spot = Spot::new(
                u32::try_from(line).unwrap_or(0),
                u32::try_from(column).unwrap_or(0),
            );
            report.error(spot, "not UTF-8; save the file in that encoding");
            None
        }
    }
}

/// One definition or tuning.
pub(crate) fn entry(key: &At<String>, node: &Node, report: &mut FileReport<'_>) -> Option<raw::Entry> {
    let branch = key.value.trim();
    if branch.is_empty() {
        report.error(
            key.spot,
            "a definition without a name; write `branch_name:` before it",
        );
        return None;
    }
    if matches!(node.kind, Kind::Null) {
        report.error(
            key.spot,
            format!("`{branch}` is empty; write its `query` and `metrics`, or remove it"),
        );
        return None;
    }
    let before = report.errors();
    let mut entry = raw::Entry {
        branch: branch.to_owned(),
        spot: key.spot,
        ..raw::Entry::default()
    };
    for (key, value) in pairs(node, &format!("`{branch}`"), report) {
        entry_key(&mut entry, key, value, report);
    }
    entry.broken = report.errors() > before;
    Some(entry)
}

fn entry_key(entry: &mut raw::Entry, key: &At<String>, node: &Node, report: &mut FileReport<'_>) {
    let word = key.value.as_str();
    match word {
        "name" => entry.name = string(node, word, report),
        "desc" => entry.desc = string(node, word, report),
        "query" => entry.query = string(node, word, report),
        "predicate_queries" => entry.predicates = Some(predicates(node, report)),
        "tags" => entry.tags = Some(tags(node, report)),
        "ttl" => entry.ttl = number(node, word, report),
        "timeout" => entry.timeout = number(node, word, report),
        "min_version" => entry.min_version = whole(node, word, report),
        "max_version" => entry.max_version = whole(node, word, report),
        "fatal" => entry.fatal = boolean(node, word, report),
        "skip" => entry.skip = boolean(node, word, report),
        "priority" => entry.priority = whole(node, word, report),
        "max_series" => entry.max_series = whole(node, word, report),
        "max_stale" => entry.max_stale = number(node, word, report),
        "metrics" => entry.columns = Some(columns(key, node, report)),
        _ => unknown_key(key, keys::COLLECTOR, &format!("`{}`", entry.branch), report),
    }
}

fn tags(node: &Node, report: &mut FileReport<'_>) -> At<Vec<At<String>>> {
    let tags = items(node, "tags", report)
        .iter()
        .filter_map(|item| string(item, "tags", report))
        .collect();
    At::new(tags, node.spot)
}

fn predicates(node: &Node, report: &mut FileReport<'_>) -> At<Vec<raw::Predicate>> {
    let list = items(node, "predicate_queries", report);
    At::new(
        list.iter().map(|item| predicate(item, report)).collect(),
        node.spot,
    )
}

fn predicate(node: &Node, report: &mut FileReport<'_>) -> raw::Predicate {
    let before = report.errors();
    let mut predicate = raw::Predicate {
        spot: node.spot,
        ..raw::Predicate::default()
    };
    for (key, value) in pairs(node, "an item of `predicate_queries`", report) {
        let word = key.value.as_str();
        match word {
            "name" => predicate.name = string(value, word, report),
            "predicate_query" => predicate.query = string(value, word, report),
            "ttl" => predicate.ttl = number(value, word, report),
            _ => unknown_key(key, keys::PREDICATE, "an item of `predicate_queries`", report),
        }
    }
    predicate.broken = report.errors() > before;
    predicate
}

fn columns(key: &At<String>, node: &Node, report: &mut FileReport<'_>) -> At<Vec<raw::Column>> {
    let list = items(node, "metrics", report);
    At::new(
        list.iter().filter_map(|item| column(item, report)).collect(),
        key.spot,
    )
}

fn column(node: &Node, report: &mut FileReport<'_>) -> Option<raw::Column> {
    let found = pairs(node, "an item of `metrics`", report);
    let [(key, value)] = found.as_slice() else {
        let message = "an item of `metrics` must hold exactly one column; write `- column: { usage: …, description: … }`";
        report.error(node.spot, message);
        return None;
    };
    let name = key.value.trim();
    if name.is_empty() {
        report.error(
            key.spot,
            "a column without a name; write the name the query gives it",
        );
        return None;
    }
    if matches!(value.kind, Kind::Null) {
        report.error(
            key.spot,
            format!("column `{name}` is empty; write `{name}: {{ usage: … }}`"),
        );
        return None;
    }
    let before = report.errors();
    let mut column = raw::Column {
        column: name.to_owned(),
        spot: key.spot,
        ..raw::Column::default()
    };
    for (key, value) in pairs(value, &format!("column `{name}`"), report) {
        column_key(&mut column, key, value, report);
    }
    column.broken = report.errors() > before;
    Some(column)
}

fn column_key(column: &mut raw::Column, key: &At<String>, node: &Node, report: &mut FileReport<'_>) {
    let word = key.value.as_str();
    match word {
        "usage" => column.usage = usage(node, report),
        "rename" => column.rename = string(node, word, report),
        "description" => column.description = string(node, word, report),
        "scale" => column.scale = number(node, word, report),
        "default" => column.default = number(node, word, report),
        "bucket" => column.bucket = Some(bucket(node, report)),
        // 1.x filled this key itself and let it be written.
        "name" => report.warning(
            key.spot,
            "`name` of a column has no effect; write `rename`, or remove it",
        ),
        _ => unknown_key(key, keys::COLUMN, &format!("column `{}`", column.column), report),
    }
}

fn usage(node: &Node, report: &mut FileReport<'_>) -> Option<At<Usage>> {
    let word = string(node, "usage", report)?;
    let usage = match word.value.trim().to_ascii_uppercase().as_str() {
        "LABEL" => Usage::Label,
        "GAUGE" => Usage::Gauge,
        "COUNTER" => Usage::Counter,
        "HISTOGRAM" => Usage::Histogram,
        "DISCARD" => Usage::Discard,
        other => {
            let hint = match text::did_you_mean(other, keys::USAGES) {
                hint if hint.is_empty() => format!("; write one of {}", keys::USAGES.join(", ")),
                hint => hint,
            };
            report.error(word.spot, format!("unknown usage `{}`{hint}", word.value));
            return None;
        }
    };
    Some(At::new(usage, word.spot))
}

fn bucket(node: &Node, report: &mut FileReport<'_>) -> At<Vec<At<f64>>> {
    let bounds = items(node, "bucket", report);
    At::new(
        bounds
            .iter()
            .filter_map(|bound| number(bound, "bucket", report))
            .collect(),
        node.spot,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Strictness;

    /// The table of keys is what the JSON Schema and the hints are made of; the parser must know the same.
    #[test]
    fn the_parser_knows_every_key_of_the_table() {
        let cases = [
            (keys::COLLECTOR, "x: { KEY: null, ok: 1 }"),
            (
                keys::PREDICATE,
                "x: { predicate_queries: [{ KEY: null, ok: 1 }] }",
            ),
            (keys::COLUMN, "x: { metrics: [{ a: { KEY: null, ok: 1 } }] }"),
        ];
        for (table, text) in cases {
            for key in table {
                let mut report = Report::new(Strictness::Strict);
                file(&Source::new("x.yml", text.replace("KEY", key.name)), &mut report);
                let found = report.into_sorted();
                let unknown: Vec<_> = found
                    .iter()
                    .filter(|found| found.message.starts_with("unknown key"))
                    .collect();
                // Only the word that no table has.
                assert_eq!(unknown.len(), 1, "{}: {found:?}", key.name);
            }
        }
    }
}
