//! `SET` in front of a statement, written as the keys that say the same.

use crate::read::node::Node;
use crate::read::position::At;
use crate::resolve::server_settings;
use crate::sql::prelude::{Assignment, prelude};

/// Takes what stands in front of the query away, and writes it as `timeout`, `search_path` and `settings`. Where one of them cannot be
/// written the query stays as it is, and whoever reads it says why.
pub(crate) fn as_keys(branch: &At<String>, node: &mut Node) {
    let Some(query) = node.text("query").map(str::to_owned) else {
        return;
    };
    let Some((assignments, offset)) = prelude(&query) else {
        return;
    };
    let at = branch.position;
    let mut keys: Vec<(&str, Node)> = Vec::new();
    let mut settings: Vec<(&str, Node)> = Vec::new();
    for Assignment { name, values, .. } in &assignments {
        let value = values.join(", ");
        match name.as_str() {
            "statement_timeout" => {
                let Some(seconds) = server_settings::timeout(&value) else {
                    return;
                };
                keys.retain(|(key, _)| *key != "timeout");
                keys.push(("timeout", Node::scalar_at(at, seconds.to_string())));
            }
            "search_path" => {
                let schemas = values.iter().map(|schema| Node::scalar_at(at, schema.as_str()));
                keys.retain(|(key, _)| *key != "search_path");
                keys.push(("search_path", Node::list_at(at, schemas.collect())));
            }
            name if server_settings::is_fixed(name) => return,
            name => {
                settings.retain(|(key, _)| *key != name);
                settings.push((name, Node::scalar_at(at, value)));
            }
        }
    }
    if !settings.is_empty() {
        if node.get("settings").is_some() {
            return;
        }
        keys.push(("settings", Node::map_at(at, settings)));
    }
    for (key, value) in keys {
        node.set(key, value);
    }
    let rest = query.get(offset..).unwrap_or_default();
    let comment: String = query
        .get(..offset)
        .unwrap_or_default()
        .lines()
        .filter(|line| line.trim_start().starts_with("--"))
        .map(|line| format!("{}\n", line.trim()))
        .collect();
    let at = node.get("query").map_or(at, |query| query.position);
    node.set("query", Node::scalar_at(at, format!("{comment}{rest}")));
}
