//! sql_exporter's collector files: `collector_name` marks them.
//!
//! A metric there has a whole name, a query of its own or by reference, label columns and value columns. Here the name of a metric is
//! that of its collector and a column's, so a name is divided where no other metric of the file is.

use super::writer::Definition;
use super::{duration, front};
use crate::read::node::Node;
use crate::read::position::{At, Position};
use crate::read::report::FileReport;
use crate::sql::around::{identifier, literal, wrapped};

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
    let mut groups: Vec<Group<'_>> = Vec::new();
    for metric in metrics {
        group(root, metric, &mut groups, report);
    }
    let converted = groups.iter().map(|group| {
        let mut definition = group.definition(report);
        let branch = At::new(definition.branch.clone(), definition.node.position);
        front::as_keys(&branch, &mut definition.node);
        if let Some(seconds) = ttl {
            let at = definition.node.position;
            definition
                .node
                .set("ttl", Node::scalar_at(at, seconds.to_string()));
        }
        definition
    });
    converted.collect()
}

/// Metrics of one collector: one, or several that have their query and their labels in common and a column each.
struct Group<'a> {
    name: String,
    query: String,
    members: Vec<Member<'a>>,
}

struct Member<'a> {
    whole: &'a str,
    suffix: String,
    usage: &'static str,
    metric: &'a Node,
}

/// Puts a metric into a group of its own, or into one that it shares a query with.
fn group<'a>(root: &Node, metric: &'a Node, groups: &mut Vec<Group<'a>>, report: &mut FileReport<'_>) {
    let at = metric.position;
    let Some(whole) = metric.text("metric_name") else {
        report.error(at, "a metric without `metric_name`; it is left out");
        return;
    };
    let Some(query) = query_of(root, metric) else {
        report.error(
            at,
            format!("`{whole}` has no query, nor one that its `query_ref` names; it is left out"),
        );
        return;
    };
    let Some(usage) = usage(whole, metric, report) else {
        return;
    };
    let points: Vec<usize> = whole.match_indices('_').map(|(at, _)| at).collect();
    for at in points.into_iter().rev() {
        let (name, suffix) = (whole.get(..at), whole.get(at + 1..));
        let (Some(name), Some(suffix)) = (name, suffix) else {
            continue;
        };
        if name.is_empty() || suffix.is_empty() {
            continue;
        }
        let member = Member {
            whole,
            suffix: suffix.to_owned(),
            usage,
            metric,
        };
        match groups.iter_mut().find(|group| group.name == name) {
            None => {
                groups.push(Group {
                    name: name.to_owned(),
                    query,
                    members: vec![member],
                });
                return;
            }
            Some(group) if group.takes(&query, &member) => {
                group.members.push(member);
                return;
            }
            Some(_) => {}
        }
    }
    report.error(
        at,
        format!("`{whole}` cannot be divided into a collector's name and a column's; it is left out"),
    );
}

impl Group<'_> {
    /// Whether a metric can be another column of the same result.
    fn takes(&self, query: &str, member: &Member<'_>) -> bool {
        let is_plain = |metric: &Node| {
            metric.text("value_label").is_none()
                && metric.get("timestamp_value").is_none()
                && words(metric, "values").len() == 1
        };
        let labels = |metric: &Node| {
            let fixed = metric.get("static_labels").map_or(&[][..], Node::pairs).iter();
            let fixed = fixed.map(|(name, text)| (name.value.clone(), text.word().map(str::to_owned)));
            (words(metric, "key_labels"), fixed.collect::<Vec<_>>())
        };
        let wanted = labels(member.metric);
        let is_label =
            wanted.0.contains(&member.suffix) || wanted.1.iter().any(|(name, _)| *name == member.suffix);
        let is_there = self.members.iter().any(|other| other.suffix == member.suffix);
        query == self.query
            && is_plain(member.metric)
            && !is_label
            && !is_there
            && self
                .members
                .iter()
                .all(|other| is_plain(other.metric) && labels(other.metric) == wanted)
    }

    fn definition(&self, report: &mut FileReport<'_>) -> Definition {
        let first = self.members.first();
        let (at, branch) = first.map_or((Position::default(), ""), |one| (one.metric.position, one.whole));
        let mut comments = Vec::new();
        for Member { whole, metric, .. } in &self.members {
            if metric.get("timestamp_value").is_some() {
                report.error(
                    metric.position,
                    format!("`{whole}` has a `timestamp_value`; samples have no time of their own here"),
                );
                comments.push(
                    "DECIDE: the original gave its samples a time of their own, which is not carried over."
                        .to_owned(),
                );
            }
        }
        let (query, labels) = match self.members.as_slice() {
            [one] => statement(one.metric, &self.query),
            several => statement_of(several, &self.query),
        };
        let mut columns: Vec<Node> = labels
            .iter()
            .map(|label| column(at, label, &[("usage", "LABEL")]))
            .collect();
        let is_one = self.members.len() == 1;
        for member in &self.members {
            let name = match is_one {
                true => value_column(&labels),
                false => member.suffix.clone(),
            };
            let mut value = vec![("usage", member.usage)];
            if member.suffix != name {
                value.push(("rename", member.suffix.as_str()));
            }
            let help = member.metric.text("help").unwrap_or(member.whole);
            value.push(("description", help));
            columns.push(column(at, &name, &value));
        }
        let tags = Node::list_at(at, vec![Node::scalar_at(at, "cluster")]);
        let mut pairs = vec![
            ("query", Node::scalar_at(at, query)),
            ("tags", tags),
            ("metrics", Node::list_at(at, columns)),
        ];
        let branch = if is_one { branch } else { self.name.as_str() };
        if branch != self.name {
            pairs.push(("name", Node::scalar_at(at, self.name.as_str())));
        }
        Definition {
            branch: branch.to_owned(),
            comments,
            node: Node::map_at(at, pairs),
        }
    }
}

/// The column of a metric's value: one that is no label.
fn value_column(labels: &[String]) -> String {
    let mut name = "value".to_owned();
    while labels.contains(&name) {
        name.push('_');
    }
    name
}

fn words(metric: &Node, key: &str) -> Vec<String> {
    let items = metric.get(key).map_or(&[][..], Node::items);
    items.iter().filter_map(Node::word).map(str::to_owned).collect()
}

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

/// The columns of labels as they are selected, and their names.
fn selected_labels(metric: &Node) -> (Vec<String>, Vec<String>) {
    let mut labels = words(metric, "key_labels");
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
    (selected, labels)
}

/// The statement, with a column for each label and one for each metric; and the labels.
fn statement_of(members: &[Member<'_>], query: &str) -> (String, Vec<String>) {
    let first = members.first().map(|one| selected_labels(one.metric));
    let (mut selected, labels) = first.unwrap_or_default();
    for Member { suffix, metric, .. } in members {
        let column = words(metric, "values").pop().unwrap_or_default();
        selected.push(format!("q.{} AS {}", identifier(&column), identifier(suffix)));
    }
    (wrapped(query, &selected.join(", "), ""), labels)
}

/// The statement, with a column for each label and one for the value; and the labels.
fn statement(metric: &Node, query: &str) -> (String, Vec<String>) {
    let (mut selected, mut labels) = selected_labels(metric);
    let values = words(metric, "values");
    let mut more = String::new();
    let own_label = metric.text("value_label").filter(|_| !values.is_empty());
    labels.extend(own_label.map(str::to_owned));
    let value = value_column(&labels);
    match (metric.text("static_value"), own_label, values.as_slice()) {
        (Some(number), _, []) => selected.push(format!("{number} AS {value}")),
        (_, Some(label), _) => {
            let rows: Vec<String> = values
                .iter()
                .map(|value| format!("({}, q.{}::float8)", literal(value), identifier(value)))
                .collect();
            more = format!(", LATERAL (VALUES {}) AS v(label, {value})", rows.join(", "));
            selected.push(format!("v.label AS {}", identifier(label)));
            selected.push(format!("v.{value}"));
        }
        (_, None, [column, ..]) => selected.push(format!("q.{} AS {value}", identifier(column))),
        (None, None, []) => selected.push(format!("NULL::float8 AS {value}")),
    }
    (wrapped(query, &selected.join(", "), &more), labels)
}
