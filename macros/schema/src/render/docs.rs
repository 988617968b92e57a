//! The tables of keys in `docs/collectors.md`.

use std::fmt::Write as _;

use crate::language::key::{Key, Place, Takes, Value};
use crate::language::{collector, column, predicate, usage};

/// The tables of every key of the language, as Markdown.
#[must_use]
pub fn key_tables() -> String {
    let mut text = table(collector::KEYS);
    text.push_str("\nOf each of `predicate_queries`:\n\n");
    text.push_str(&table(predicate::KEYS));
    text.push_str("\nOf each column in `metrics`:\n\n");
    text.push_str(&table(column::KEYS));
    text
}

fn table<T: Default>(keys: &[Key<T>]) -> String {
    let mut text = "| key | takes | meaning | default | may be tuned |\n|---|---|---|---|---|\n".to_owned();
    for key in keys {
        let tuned = if key.is_tunable() { "yes" } else { "" };
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {tuned} |",
            key.name,
            takes(&key.takes),
            key.doc,
            default(key)
        );
    }
    text
}

fn takes<T>(takes: &Takes<T>) -> String {
    match takes {
        Takes::Text(_) => "text".to_owned(),
        Takes::Prefix(_) | Takes::Suffix | Takes::Metric => "name".to_owned(),
        Takes::Statement(_) => "statement".to_owned(),
        Takes::Tags(_) => "list of tags, below".to_owned(),
        Takes::Schemas(_) => "list of names, or text with commas".to_owned(),
        Takes::Functions(_) => "list of names".to_owned(),
        Takes::Settings(_) => "map of names to values".to_owned(),
        Takes::Seconds(_) | Takes::Timeout(_) => "seconds".to_owned(),
        Takes::Version(_) => "`server_version_num`".to_owned(),
        Takes::Boolean(_) => "boolean".to_owned(),
        Takes::Priority(_) | Takes::Count(_) => "whole number".to_owned(),
        Takes::Usage(_) => format!("`{}`", usage::all().join("`, `")),
        Takes::Factor(_) | Takes::Number(_) => "number".to_owned(),
        Takes::Bounds(_) => "list of numbers".to_owned(),
        Takes::Predicates(_) => "list of maps".to_owned(),
        Takes::Columns(_) => "list of one-key maps".to_owned(),
    }
}

/// What holds without the key, where that is a value.
fn default<T: Default>(key: &Key<T>) -> String {
    if key.place == Place::Needed {
        return "needed".to_owned();
    }
    match (&key.takes, key.get(&T::default())) {
        (Takes::Version(_), _) => "open".to_owned(),
        (_, Value::Boolean(flag)) => flag.to_string(),
        (_, Value::Number(number)) => number.to_string(),
        (_, Value::Whole(number)) => number.to_string(),
        _ => String::new(),
    }
}
