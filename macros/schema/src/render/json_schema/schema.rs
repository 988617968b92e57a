//! JSON Schema of the language, for editors. Made of the same table of keys that the parser knows.
//!
//! It says what a single entry can be judged by. What concerns several entries, two numbers or a statement's text is
//! [`compile`](crate::compile)'s.

use serde_json::{Map, Value, json};

use super::values::{self, NAME, any_case, reference, with};
use crate::language::key::{Key, Place};
use crate::language::{collector, column, predicate, usage};
use crate::model::Usage;

/// A key that only holds anchors.
const HOLDER: &str = "^(\\.|x-)";

/// The schema as JSON text, draft 2020-12.
#[must_use]
pub fn json_schema() -> String {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:pg-exporter:collectors:2",
        "title": "pg_exporter collector definitions",
        "description": "A map of branch to definition.",
        "type": ["object", "null"],
        "propertyNames": { "minLength": 1 },
        // A branch whose key cannot begin a metric's name needs another name for its metrics.
        "patternProperties": { NAME: reference("entry"), HOLDER: true },
        "additionalProperties": { "allOf": [reference("entry")], "dependentRequired": { "query": ["name"] } },
        "$defs": {
            "entry": {
                "type": "object",
                "if": { "required": ["query"] },
                "then": reference("definition"),
                "else": reference("tuning"),
            },
            "definition": definition(),
            "tuning": tuning(),
            "column": column(),
            "tuned_column": object(column::KEYS, Key::is_tunable, "What changes about the column."),
            "predicate": predicate(),
        },
    });
    format!("{schema:#}\n")
}

/// An object of those keys that are meant.
fn object<T>(keys: &[Key<T>], is_meant: impl Fn(&Key<T>) -> bool, doc: &str) -> Value {
    let meant = keys.iter().filter(|key| is_meant(key));
    let properties: Map<String, Value> = meant
        .map(|key| {
            let property = with(values::takes(&key.takes), json!({ "description": key.doc }));
            (key.name.to_owned(), property)
        })
        .collect();
    json!({ "type": "object", "description": doc, "properties": properties, "additionalProperties": false })
}

/// The names of keys that a definition must have.
fn needed<T>(keys: &[Key<T>]) -> Vec<&'static str> {
    let needed = keys.iter().filter(|key| key.place == Place::Needed);
    needed.map(|key| key.name).collect()
}

fn definition() -> Value {
    let whole = object(collector::KEYS, |_| true, "A collector, or one of its branches.");
    let gives_a_value = json!({
        "additionalProperties": { "required": ["usage"], "properties": { "usage": usage_is(&usage::words(Usage::is_value)) } },
    });
    with(
        whole,
        json!({
            "required": ["query", "metrics"],
            "allOf": [{ "properties": { "metrics": {
                "minItems": 1,
                "contains": gives_a_value,
                "items": one_column(),
            } } }],
        }),
    )
}

fn tuning() -> Value {
    let whole = object(
        collector::KEYS,
        Key::is_tunable,
        "A change to the collector, or the branch, of that name: it has no `query`.",
    );
    let items = json!({ "additionalProperties": reference("tuned_column") });
    with(
        whole,
        json!({ "allOf": [{ "properties": { "metrics": { "items": items } } }] }),
    )
}

/// A column under its name. One whose name would not do for what it is needs `rename`.
fn one_column() -> Value {
    let needs_rename_if = |usage: Value| {
        json!({
            "allOf": [reference("column")],
            "if": { "required": ["usage"], "properties": { "usage": usage } },
            "then": { "anyOf": [{ "required": ["rename"] }, { "required": ["metric"] }] },
        })
    };
    json!({
        "patternProperties": {
            values::LABEL: reference("column"),
            values::SUFFIX_BUT_NO_LABEL: needs_rename_if(usage_is(&["LABEL"])),
        },
        "additionalProperties": needs_rename_if(json!({ "not": usage_is(&["DISCARD"]) })),
    })
}

fn column() -> Value {
    let is = |usages: &[&str]| json!({ "required": ["usage"], "properties": { "usage": usage_is(usages) } });
    with(
        object(column::KEYS, |_| true, "What becomes of the column."),
        json!({
            "required": needed(column::KEYS),
            "allOf": [
                {
                    "if": is(&["HISTOGRAM"]),
                    "then": { "required": ["bucket"] },
                    "else": { "properties": { "bucket": false } },
                },
                {
                    "if": is(&["LABEL"]),
                    "then": { "properties": { "rename": { "pattern": values::LABEL } } },
                },
                { "not": { "required": ["rename", "metric"] } },
            ],
        }),
    )
}

fn predicate() -> Value {
    let whole = object(
        predicate::KEYS,
        |_| true,
        "A statement that decides whether the query is run.",
    );
    with(whole, json!({ "required": needed(predicate::KEYS) }))
}

/// Usages in any case.
fn usage_is(words: &[&str]) -> Value {
    json!({ "pattern": format!("^({})$", any_case(words)) })
}
