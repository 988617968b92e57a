//! JSON Schema of a targets file, for editors: made of the same rows that the reader knows.

use serde_json::{Map, Value, json};

use super::keys::{Stands, Takes, TargetKey, that};

/// What `is_label_name` takes, in a form that every editor knows.
const LABEL_NAME: &str = "^([a-zA-Z][a-zA-Z0-9_]*|_([a-zA-Z0-9][a-zA-Z0-9_]*)?)$";

/// A text as YAML may write it.
fn text() -> Value {
    json!({ "type": ["string", "number", "boolean", "null"] })
}

/// The schema as JSON text, draft 2020-12.
#[must_use]
pub fn targets_schema() -> String {
    let everywhere = [Stands::Target, Stands::Credentials];
    let mut target = object(
        &[Stands::Target, Stands::Credentials, Stands::TargetOnly],
        "A server that is scraped.",
    );
    if let Some(target) = target.as_object_mut() {
        target.insert("required".to_owned(), json!(["name"]));
    }
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:pg-exporter:targets:2",
        "title": "pg_exporter targets",
        "description": "The servers that one process scrapes, or a file of Prometheus' file_sd form.",
        "anyOf": [{ "$ref": "#/$defs/file" }, { "$ref": "#/$defs/file_sd" }],
        "$defs": {
            "file": {
                "type": ["object", "null"],
                "properties": {
                    "defaults": object(&everywhere, "Any key of a target, for all targets of all files."),
                    "credentials": {
                        "type": ["object", "null"],
                        "description": "Who connects, and by what that is proven, by name.",
                        "additionalProperties": object(&[Stands::Credentials], "Credentials."),
                    },
                    "targets": { "type": ["array", "null"], "items": target },
                },
                "patternProperties": { "^(\\.|x-)": true },
                "additionalProperties": false,
            },
            "file_sd": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "targets": { "type": ["array", "null"], "items": { "type": "string" } },
                        "labels": {
                            "type": ["object", "null"],
                            "patternProperties": { LABEL_NAME: text(), "^__": true },
                            "additionalProperties": false,
                        },
                    },
                    "additionalProperties": false,
                },
            },
        },
    });
    format!("{schema:#}\n")
}

fn object(stands: &[Stands], doc: &str) -> Value {
    let properties: Map<String, Value> = that(stands)
        .map(|key| (key.name.to_owned(), property(key)))
        .collect();
    json!({ "type": "object", "description": doc, "properties": properties, "additionalProperties": false })
}

fn property(key: &TargetKey) -> Value {
    let mut value = match key.takes {
        Takes::Text | Takes::Time | Takes::Secret => {
            json!({ "type": ["string", "number", "boolean"], "minLength": 1 })
        }
        Takes::Switch => json!({ "type": ["boolean", "string"] }),
        Takes::Whole => json!({ "type": ["integer", "string"] }),
        Takes::List => json!({ "type": ["array", "string", "number", "boolean", "null"], "items": text() }),
        Takes::Command => json!({ "type": "array", "items": text(), "minItems": 1 }),
        Takes::Labels => json!({
            "type": "object",
            "patternProperties": { LABEL_NAME: text() },
            "additionalProperties": false,
        }),
    };
    if let Some(value) = value.as_object_mut() {
        if key.name == "name" {
            value.insert("pattern".to_owned(), json!("^[a-z0-9][a-z0-9._-]{0,127}$"));
        }
        value.insert("description".to_owned(), json!(key.doc));
    }
    value
}
