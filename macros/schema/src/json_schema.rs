//! JSON Schema of the language, for editors. Made of the same table of keys that the parser knows.

use serde_json::{Map, Value, json};

use crate::keys::{self, Key, Takes};

/// The schema as JSON text, draft 2020-12.
#[must_use]
pub fn json_schema() -> String {
    let mut definition = object(
        keys::COLLECTOR,
        "A definition, or a tuning when it has no `query`.",
    );
    if let Some(definition) = definition.as_object_mut() {
        definition.insert("dependentRequired".to_owned(), json!({ "query": ["metrics"] }));
    }
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pg_exporter collector definitions",
        "description": "A map of branch to definition.",
        "type": ["object", "null"],
        "additionalProperties": definition,
    });
    format!("{schema:#}\n")
}

fn object(keys: &[Key], doc: &str) -> Value {
    let properties: Map<String, Value> = keys
        .iter()
        .map(|key| (key.name.to_owned(), property(key)))
        .collect();
    json!({ "type": "object", "description": doc, "properties": properties, "additionalProperties": false })
}

fn property(key: &Key) -> Value {
    let mut value = takes(key.takes);
    if let Some(value) = value.as_object_mut() {
        value.insert("description".to_owned(), key.doc.into());
    }
    value
}

fn takes(takes: Takes) -> Value {
    match takes {
        Takes::Text => json!({ "type": ["string", "number", "boolean", "null"] }),
        Takes::Texts => json!({ "type": ["array", "null"], "items": { "type": "string" } }),
        // Numbers may be quoted.
        Takes::Number => json!({ "type": ["number", "string", "null"] }),
        Takes::Whole => json!({ "type": ["integer", "string", "null"] }),
        Takes::Boolean => json!({ "type": ["boolean", "string", "null"] }),
        Takes::Usage => json!({ "type": "string", "pattern": usage_pattern() }),
        Takes::Numbers => {
            json!({ "type": "array", "minItems": 1, "items": { "type": ["number", "string"] } })
        }
        Takes::Predicates => json!({
            "type": ["array", "null"],
            "items": object(keys::PREDICATE, "A statement that decides whether the query is run."),
        }),
        Takes::Columns => json!({
            "type": "array",
            "items": {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": object(keys::COLUMN, "What becomes of the column."),
            },
        }),
    }
}

/// Usages in any case: JSON Schema has no flag for that.
fn usage_pattern() -> String {
    let any_case = |c: char| format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase());
    let words = keys::USAGES
        .iter()
        .map(|word| word.chars().map(any_case).collect::<String>());
    format!("^({})$", words.collect::<Vec<_>>().join("|"))
}
