//! sql_exporter's collector files: `collector_name` marks them.
//!
//! A metric there has a whole name, a query of its own or by reference, label columns and value columns. Here the name of a metric is
//! that of its collector and a column's, so a name is divided where no other metric of the file is.

use std::collections::HashSet;

use super::duration;
use super::writer::Definition;
use crate::read::node::Node;
use crate::read::position::{At, Position};
use crate::read::report::FileReport;
use crate::read::sql::{identifier, literal, wrapped};

/// Whether a file is one of sql_exporter.
pub(crate) fn is_one(root: &Node) -> bool {
    root.get("collector_name").is_some()
        || root.get("metrics").is_some_and(|metrics| {
            metrics
                .items()
                .iter()
                .any(|metric| metric.get("metric_name").is_some())
        })
}

/// The metrics of a file, a collector each.
pub(crate) fn definitions(root: &Node, report: &mut FileReport<'_>) -> Vec<Definition> {
    let mut names = HashSet::new();
    let ttl = root.get("min_interval").and_then(|interval| {
        let seconds = interval.word().and_then(duration::seconds);
        if seconds.is_none() {
            report.error(
                interval.position,
                "`min_interval` is no duration such as 5m; it is left out",
            );
        }
        seconds.filter(|seconds| *seconds > 0.0)
    });
    let mut metrics: Vec<&Node> = root.get("metrics").map_or(&[][..], Node::items).iter().collect();
    // Names that can be divided in few places choose first.
    metrics.sort_by_key(|metric| {
        metric
            .text("metric_name")
            .map_or(0, |name| name.matches('_').count())
    });
    let converted = metrics.into_iter().filter_map(|metric| {
        let mut definition = definition(root, metric, &mut names, report)?;
        if let Some(seconds) = ttl {
            let at = definition.node.position;
            definition
                .node
                .set("ttl", Node::scalar_at(at, seconds.to_string()));
        }
        Some(definition)
    });
    converted.collect()
}

fn definition(
    root: &Node,
    metric: &Node,
    names: &mut HashSet<String>,
    report: &mut FileReport<'_>,
) -> Option<Definition> {
    let at = metric.position;
    let Some(whole) = metric.text("metric_name") else {
        report.error(at, "a metric without `metric_name`; it is left out");
        return None;
    };
    let Some(query) = query_of(root, metric) else {
        report.error(
            at,
            format!("`{whole}` has no query, nor one that its `query_ref` names; it is left out"),
        );
        return None;
    };
    let Some((name, suffix)) = divided(whole, names) else {
        report.error(
            at,
            format!("`{whole}` cannot be divided into a collector's name and a column's; it is left out"),
        );
        return None;
    };
    let usage = usage(whole, metric, report)?;
    let mut comments = Vec::new();
    if metric.get("timestamp_value").is_some() {
        report.error(
            at,
            format!("`{whole}` has a `timestamp_value`; samples have no time of their own here"),
        );
        comments.push(
            "DECIDE: the original gave its samples a time of their own, which is not carried over."
                .to_owned(),
        );
    }
    let (query, labels) = statement(metric, &query);
    let mut columns: Vec<Node> = labels
        .iter()
        .map(|label| column(at, label, &[("usage", "LABEL")]))
        .collect();
    let mut value = vec![("usage", usage)];
    if suffix != VALUE {
        value.push(("rename", suffix.as_str()));
    }
    let help = metric.text("help").unwrap_or(whole).to_owned();
    value.push(("description", help.as_str()));
    columns.push(column(at, VALUE, &value));
    let tags = Node::list_at(at, vec![Node::scalar_at(at, "cluster")]);
    Some(Definition {
        branch: whole.to_owned(),
        comments,
        node: Node::map_at(
            at,
            vec![
                ("name", Node::scalar_at(at, name)),
                ("query", Node::scalar_at(at, query)),
                ("tags", tags),
                ("metrics", Node::list_at(at, columns)),
            ],
        ),
    })
}

/// The column of a metric's value.
const VALUE: &str = "value";

fn column(at: Position, name: &str, properties: &[(&str, &str)]) -> Node {
    Node::column(&At::new(String::new(), at), name, properties)
}

fn usage(whole: &str, metric: &Node, report: &mut FileReport<'_>) -> Option<&'static str> {
    match metric.text("type").map(str::to_ascii_lowercase).as_deref() {
        Some("gauge") | None => Some("GAUGE"),
        Some("counter") => Some("COUNTER"),
        Some(other) => {
            report.error(
                metric.position,
                format!("`{whole}` is of type `{other}`, which its values cannot be here; it is left out"),
            );
            None
        }
    }
}

fn query_of(root: &Node, metric: &Node) -> Option<String> {
    if let Some(query) = metric.text("query") {
        return Some(query.to_owned());
    }
    let wanted = metric.text("query_ref")?;
    let queries = root.get("queries").map_or(&[][..], Node::items);
    let found = queries
        .iter()
        .find(|query| query.text("query_name") == Some(wanted));
    found.and_then(|query| query.text("query")).map(str::to_owned)
}

/// The name in front of an underscore and what is behind it, so that no other metric has the former.
fn divided(whole: &str, names: &mut HashSet<String>) -> Option<(String, String)> {
    let points: Vec<usize> = whole.match_indices('_').map(|(at, _)| at).collect();
    for at in points.into_iter().rev() {
        let (name, suffix) = (whole.get(..at)?, whole.get(at + 1..)?);
        if !name.is_empty() && !suffix.is_empty() && names.insert(name.to_owned()) {
            return Some((name.to_owned(), suffix.to_owned()));
        }
    }
    None
}

/// The statement, with a column for each label and one for the value; and the labels.
fn statement(metric: &Node, query: &str) -> (String, Vec<String>) {
    let words = |key: &str| -> Vec<String> {
        let items = metric.get(key).map_or(&[][..], Node::items);
        items.iter().filter_map(Node::word).map(str::to_owned).collect()
    };
    let mut labels = words("key_labels");
    let mut selected: Vec<String> = labels
        .iter()
        .map(|label| format!("q.{}", identifier(label)))
        .collect();
    for (name, text) in metric.get("static_labels").map_or(&[][..], Node::pairs) {
        selected.push(format!(
            "{}::text AS {}",
            literal(text.word().unwrap_or_default()),
            identifier(&name.value)
        ));
        labels.push(name.value.clone());
    }
    let values = words("values");
    let mut more = String::new();
    match (
        metric.text("static_value"),
        metric.text("value_label"),
        values.as_slice(),
    ) {
        (Some(number), _, []) => selected.push(format!("{number} AS {VALUE}")),
        (_, Some(label), [_, ..]) => {
            let rows: Vec<String> = values
                .iter()
                .map(|value| format!("({}, q.{}::float8)", literal(value), identifier(value)))
                .collect();
            more = format!(", LATERAL (VALUES {}) AS v(label, {VALUE})", rows.join(", "));
            selected.push(format!("v.label AS {}", identifier(label)));
            selected.push(format!("v.{VALUE}"));
            labels.push(label.to_owned());
        }
        (_, _, [value, ..]) => selected.push(format!("q.{} AS {VALUE}", identifier(value))),
        (None, _, []) => selected.push(format!("NULL::float8 AS {VALUE}")),
    }
    (wrapped(query, &selected.join(", "), &more), labels)
}
