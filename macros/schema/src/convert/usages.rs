//! Usages that only postgres_exporter has: what they did to a value is done in the query.

use crate::read::node::{Kind, Node};
use crate::read::position::At;
use crate::read::report::FileReport;
use crate::sql::around::{identifier, literal, wrapped};

/// The definition with a query that yields numbers.
pub(crate) fn in_our_words(
    branch: &At<String>,
    node: &Node,
    comments: &mut Vec<String>,
    report: &mut FileReport<'_>,
) -> Node {
    let columns: Vec<(&At<String>, &Node)> = node
        .get("metrics")
        .map_or(&[][..], Node::items)
        .iter()
        .filter_map(Node::only_pair)
        .collect();
    let is_foreign = |properties: &Node| foreign(properties).is_some();
    if !columns.iter().any(|(_, properties)| is_foreign(properties)) {
        return node.clone();
    }
    let mut selected = Vec::with_capacity(columns.len());
    let mut metrics = Vec::with_capacity(columns.len());
    for (key, properties) in columns {
        let name = identifier(&key.value);
        let (expression, properties) = match foreign(properties) {
            None => (format!("q.{name}"), properties.clone()),
            Some("MAPPEDMETRIC") => (mapped(&name, properties), as_gauge(properties, None)),
            Some(_) => {
                comments.push(format!(
                    "DECIDE: `{}` was a DURATION, a text such as 2.5s or 1h30m. The query reads it as an interval; see that its \
                     texts are ones that PostgreSQL reads so.",
                    key.value
                ));
                (
                    format!("1000 * extract(epoch FROM nullif(q.{name}::text, '-1')::interval) AS {name}"),
                    as_gauge(properties, Some(format!("{}_milliseconds", key.value))),
                )
            }
        };
        selected.push(expression);
        metrics.push(Node::map_at(key.position, vec![(key.value.as_str(), properties)]));
    }
    report.warning(
        branch.position,
        format!(
            "`{}`: usages of postgres_exporter became expressions of the query",
            branch.value
        ),
    );
    let mut node = node.clone();
    let query = wrapped(node.text("query").unwrap_or_default(), &selected.join(", "), "");
    let at = branch.position;
    node.set("query", Node::scalar_at(at, query));
    node.set("metrics", Node::list_at(at, metrics));
    node
}

/// The usage, when it is one that only postgres_exporter has.
fn foreign(properties: &Node) -> Option<&'static str> {
    let usage = properties.text("usage")?.to_ascii_uppercase();
    ["DURATION", "MAPPEDMETRIC"]
        .into_iter()
        .find(|known| *known == usage)
}

/// The number that stands for a text; NULL, which is NaN on the page, for any other.
fn mapped(name: &str, properties: &Node) -> String {
    let mapping = properties.get("metric_mapping").map_or(&[][..], Node::pairs);
    let cases: String = mapping
        .iter()
        .filter_map(|(text, number)| {
            let number: f64 = number.word()?.parse().ok()?;
            Some(format!(" WHEN {} THEN {number}", literal(&text.value)))
        })
        .collect();
    if cases.is_empty() {
        return format!("NULL::float8 AS {name}");
    }
    format!("CASE q.{name}::text{cases} END AS {name}")
}

fn as_gauge(properties: &Node, rename: Option<String>) -> Node {
    let mut properties = properties.clone();
    let at = properties.position;
    properties.set("usage", Node::scalar_at(at, "GAUGE"));
    if let Some(rename) = rename {
        properties.set("rename", Node::scalar_at(at, rename));
    }
    if let Kind::Map(pairs) = &mut properties.kind {
        pairs.retain(|(key, _)| key.value != "metric_mapping");
    }
    properties
}
