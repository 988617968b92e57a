//! Definitions as YAML that people go on to edit: keys in the order of the language, a line for each column.

use std::fmt::Write as _;

use crate::language::collector::KEYS;
use crate::read::node::{Kind, Node};

/// A definition to be written.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) branch: String,
    /// Lines above it.
    pub(crate) comments: Vec<String>,
    pub(crate) node: Node,
}

/// A file of them.
pub(crate) fn file(sources: &[&str], definitions: &[Definition]) -> String {
    // An end of a line in a name would end the comment.
    let names = sources.join(", ").replace(char::is_control, "?");
    let mut text = format!("# Converted by pg_exporter from {names}.\n");
    for definition in definitions {
        text.push('\n');
        for comment in &definition.comments {
            let _ = writeln!(text, "# {}", comment.replace('\n', " "));
        }
        let _ = writeln!(text, "{}:", scalar(&definition.branch));
        let known = |word: &str| KEYS.iter().position(|key| key.name == word);
        let mut pairs: Vec<_> = definition.node.pairs().iter().collect();
        pairs.retain(|(_, value)| !matches!(value.kind, Kind::Null));
        pairs.sort_by_key(|(key, _)| known(&key.value).unwrap_or(KEYS.len()));
        for (key, value) in pairs {
            entry(&mut text, &key.value, value);
        }
    }
    text
}

fn entry(text: &mut String, key: &str, value: &Node) {
    match &value.kind {
        Kind::Scalar(words) if words.trim().contains('\n') => {
            let _ = writeln!(text, "  {key}: |");
            for line in words.trim_end().trim_start_matches('\n').lines() {
                let _ = writeln!(text, "    {}", line.replace('\t', "    ").trim_end());
            }
        }
        Kind::List(items) if key == "metrics" || key == "predicate_queries" => {
            let _ = writeln!(text, "  {key}:");
            for item in items {
                let _ = writeln!(text, "    - {}", column(item));
            }
        }
        _ => {
            let _ = writeln!(text, "  {key}: {}", flow(value));
        }
    }
}

/// A column without braces around it, its properties with.
fn column(item: &Node) -> String {
    match item.only_pair() {
        Some((key, properties)) => format!("{}: {}", scalar(&key.value), flow(properties)),
        None => flow(item),
    }
}

/// A value on one line.
fn flow(node: &Node) -> String {
    match &node.kind {
        Kind::Null => String::new(),
        Kind::Scalar(text) => scalar(text),
        Kind::List(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Kind::Map(pairs) => {
            let pairs = pairs
                .iter()
                .map(|(key, value)| format!("{}: {}", scalar(&key.value), flow(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A scalar, in quotes unless it is a plain word or number.
fn scalar(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let is_word =
        text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') && text.chars().all(is_plain);
    if is_word {
        text.to_owned()
    } else {
        // A text of JSON is one of YAML.
        serde_json::Value::from(text.trim_end()).to_string()
    }
}
