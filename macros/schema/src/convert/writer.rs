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
        Kind::Scalar(words) if is_for_a_block(words) => block(text, key, words),
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

/// Whether a text has lines, and nothing that only quotes can hold.
fn is_for_a_block(text: &str) -> bool {
    let is_plain =
        |c: char| c == '\n' || c == '\t' || !c.is_control() && !"\u{feff}\u{2028}\u{2029}".contains(c);
    text.trim().contains('\n') && text.replace("\r\n", "\n").chars().all(is_plain)
}

/// A text as it is, line by line.
fn block(text: &mut String, key: &str, words: &str) {
    let lines: Vec<&str> = words
        .trim_end()
        .lines()
        .skip_while(|line| line.trim().is_empty())
        .collect();
    // The first line says how far all are indented, unless a number does.
    let is_deeper = lines.first().is_some_and(|line| line.starts_with([' ', '\t']));
    let _ = writeln!(text, "  {key}: |{}", if is_deeper { "2" } else { "" });
    for line in lines {
        let line = if line.trim().is_empty() { "" } else { line };
        let _ = writeln!(text, "{}{line}", if line.is_empty() { "" } else { "    " });
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
    // A word for "nothing" in quotes is a text.
    if is_word && !text.eq_ignore_ascii_case("null") {
        text.to_owned()
    } else {
        // A text of JSON is one of YAML.
        serde_json::Value::from(text.trim_end()).to_string()
    }
}
