//! Histograms as postgres_exporter has them: a column `x` with an array of bounds, `x_bucket` with their counts, `x_sum` and
//! `x_count`.
//!
//! A histogram of ours counts the rows of a result. One that the result holds already is three columns of numbers: sum and count
//! are the collector's own, the buckets are rows of a second collector, which unnests the arrays.

use super::node::{Kind, Node};
use super::position::At;
use super::report::FileReport;
use crate::sql::around::{identifier, wrapped};

type Entry = (At<String>, Node);

/// The entry, and one for the buckets of each such histogram in it.
pub(crate) fn expanded(branch: &At<String>, node: Node, report: &mut FileReport<'_>) -> Vec<Entry> {
    let ready: Vec<Node> = columns(&node)
        .iter()
        .filter(|column| is_ready(column))
        .cloned()
        .collect();
    if ready.is_empty() || node.get("query").is_none() {
        return vec![(branch.clone(), node)];
    }
    let mut own = node.clone();
    let mut entries = Vec::with_capacity(1 + ready.len());
    for column in &ready {
        let Some((key, properties)) = column.only_pair() else {
            continue;
        };
        let suffix = properties.text("rename").unwrap_or(&key.value).to_owned();
        entries.push(buckets(branch, &node, key, &suffix, properties));
        own = with_parts(own, key, &suffix, properties);
        let message = format!(
            "histogram `{}` has no `bucket`, so it is read as in postgres_exporter: bounds and counts from the arrays `{0}` and \
             `{0}_bucket`, which `{}_{suffix}_bucket` asks for, `{0}_sum` and `{0}_count`; write both collectors, as \
             `pg_exporter convert` does, or give it `bucket`",
            key.value, branch.value
        );
        report.warning(key.position, message);
    }
    entries.insert(0, (branch.clone(), own));
    entries
}

fn columns(node: &Node) -> &[Node] {
    match node.get("metrics").map(|metrics| &metrics.kind) {
        Some(Kind::List(list)) => list,
        _ => &[],
    }
}

/// Whether a column is a histogram that names no bounds.
fn is_ready(column: &Node) -> bool {
    column.only_pair().is_some_and(|(_, properties)| {
        properties
            .text("usage")
            .is_some_and(|usage| usage.eq_ignore_ascii_case("HISTOGRAM"))
            && properties.get("bucket").is_none()
            && properties.get("metric").is_none()
    })
}

fn is_label(column: &Node) -> bool {
    column.only_pair().is_some_and(|(_, properties)| {
        properties
            .text("usage")
            .is_some_and(|usage| usage.eq_ignore_ascii_case("LABEL"))
    })
}

/// The definition with sum and count in the histogram's place.
fn with_parts(mut node: Node, key: &At<String>, suffix: &str, properties: &Node) -> Node {
    let parts = [
        ("", "DISCARD"),
        ("_bucket", "DISCARD"),
        ("_sum", "GAUGE"),
        ("_count", "GAUGE"),
    ];
    let names = parts.map(|(part, _)| format!("{}{part}", key.value));
    if let Some(metrics) = node.get_mut("metrics")
        && let Kind::List(list) = &mut metrics.kind
    {
        list.retain(|column| {
            !column
                .only_pair()
                .is_some_and(|(key, _)| names.contains(&key.value))
        });
        for ((part, usage), name) in parts.iter().zip(&names) {
            let mut pairs = vec![("usage", *usage)];
            let rename = format!("{suffix}{part}");
            let help = help(properties, part);
            if *usage == "GAUGE" {
                pairs.push(("description", help.as_str()));
                if rename != *name {
                    pairs.push(("rename", rename.as_str()));
                }
            }
            list.push(Node::column(key, name, &pairs));
        }
    }
    node
}

fn help(properties: &Node, part: &str) -> String {
    let meaning = match part {
        "_bucket" => "observations up to the bound",
        "_sum" => "sum of observations",
        _ => "number of observations",
    };
    match properties.text("description") {
        Some(help) => format!("{help} ({meaning})"),
        None => format!("The {meaning}."),
    }
}

/// A collector of the buckets: a row for each bound, and one for all.
fn buckets(branch: &At<String>, node: &Node, key: &At<String>, suffix: &str, properties: &Node) -> Entry {
    let column = &key.value;
    let name = node.text("name").unwrap_or(&branch.value);
    let labels: Vec<Node> = columns(node)
        .iter()
        .filter(|column| is_label(column))
        .cloned()
        .collect();
    let selected: String = labels
        .iter()
        .filter_map(Node::only_pair)
        .map(|(key, _)| format!("q.{}, ", identifier(&key.value)))
        .collect();
    let (bounds, counts, count) = (
        identifier(column),
        identifier(&format!("{column}_bucket")),
        identifier(&format!("{column}_count")),
    );
    let query = wrapped(
        node.text("query").unwrap_or_default(),
        &format!("{selected}b.le, b.bucket"),
        &format!(
            ", LATERAL (SELECT u.le::float8 AS le, u.bucket::float8 AS bucket FROM unnest(q.{bounds}, q.{counts}) AS u(le, bucket) \
             UNION ALL SELECT 'Infinity', q.{count}::float8) AS b"
        ),
    );
    let mut entry = node.clone();
    entry.set("name", Node::scalar_at(key.position, format!("{name}_{suffix}")));
    let at = node.get("query").map_or(key.position, |query| query.position);
    entry.set("query", Node::scalar_at(at, query));
    let mut metrics = labels;
    metrics.push(Node::column(
        key,
        "le",
        &[("usage", "LABEL"), ("description", "Upper bound.")],
    ));
    let help = help(properties, "_bucket");
    metrics.push(Node::column(
        key,
        "bucket",
        &[("usage", "GAUGE"), ("description", &help)],
    ));
    entry.set(
        "metrics",
        Node {
            position: key.position,
            kind: Kind::List(metrics),
        },
    );
    (
        At::new(format!("{}_{suffix}_bucket", branch.value), branch.position),
        entry,
    )
}
