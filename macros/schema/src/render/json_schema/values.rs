//! What single values may be. Numbers and booleans may be quoted, so each is described twice: as JSON's and as text.

use serde_json::{Value, json};

use crate::language::key::Takes;
use crate::language::{tag, usage};

/// What can begin the name of a metric.
pub(super) const NAME: &str = "^[a-zA-Z_:][a-zA-Z0-9_:]*$";
/// What can name a label.
pub(super) const LABEL: &str = "^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$";
/// What can only name a metric, behind its collector's name.
pub(super) const SUFFIX_BUT_NO_LABEL: &str = "^(?!(?!__)[a-zA-Z_][a-zA-Z0-9_]*$)[a-zA-Z0-9_:]+$";

const DECIMAL: &str = "([0-9][0-9_]*\\.?[0-9_]*|\\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?";
const WHOLE: &str = "[0-9][0-9_]*(\\.0*)?([eE]\\+?[0-9]+)?";
const RADIX: &str = "0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+";
/// A setting that a definition may make.
const SETTING: &str = "^[A-Za-z_][A-Za-z0-9_$]*(\\.[A-Za-z_][A-Za-z0-9_$]*)?$";
/// What a duration can hold.
const LONGEST: f64 = 1.8e19;

/// What a key's value may be.
pub(crate) fn takes<T>(takes: &Takes<T>) -> Value {
    match takes {
        Takes::Text(_) => json!({ "type": ["string", "number", "boolean", "null"] }),
        Takes::Prefix(_) | Takes::Metric => {
            json!({ "type": ["string", "null"], "pattern": format!("^\\s*$|{NAME}") })
        }
        Takes::Suffix => {
            json!({ "type": ["string", "integer", "null"], "pattern": "^[a-zA-Z0-9_:]*$", "minimum": 0 })
        }
        Takes::Statement(_) => json!({ "type": "string", "pattern": "\\S" }),
        Takes::Tags(_) => json!({
            "type": ["array", "null"],
            "items": { "type": ["string", "number", "boolean"], "pattern": tags() },
        }),
        Takes::Schemas(_) => json!({
            "type": ["array", "string", "null"],
            "pattern": "^\\s*[^\\s,][^,]*(,\\s*[^\\s,][^,]*)*$",
            "items": { "type": ["string", "number"], "pattern": "\\S" },
        }),
        Takes::Functions(_) => json!({
            "type": ["array", "null"],
            "items": { "type": "string", "pattern": "^\\s*[a-z0-9_]+\\s*$" },
        }),
        Takes::Settings(_) => json!({
            "type": ["object", "null"],
            "propertyNames": { "pattern": SETTING },
            "additionalProperties": { "type": ["string", "number", "boolean", "null"] },
        }),
        Takes::Timeout(_) | Takes::Factor(_) | Takes::Number(_) => number("number", "[-+]?", DECIMAL),
        Takes::Seconds(_) => with(
            number("number", "\\+?", DECIMAL),
            json!({ "minimum": 0, "maximum": LONGEST }),
        ),
        Takes::Priority(_) => number("integer", "[-+]?", WHOLE),
        Takes::Version(_) | Takes::Count(_) => {
            with(number("integer", "\\+?", WHOLE), json!({ "minimum": 0 }))
        }
        Takes::Boolean(_) => json!({
            "type": ["boolean", "string", "null"],
            "pattern": format!("^\\s*({})\\s*$", any_case(&BOOLEANS)),
        }),
        Takes::Usage(_) => json!({ "type": "string", "pattern": format!("^({})$", any_case(&usage::all())) }),
        Takes::Bounds(_) => json!({
            "type": "array",
            "minItems": 1,
            "items": with(number("number", "[-+]?", DECIMAL), json!({ "type": ["number", "string"] })),
        }),
        Takes::Predicates(_) => json!({ "type": ["array", "null"], "items": reference("predicate") }),
        Takes::Columns(_) => json!({
            "type": ["array", "null"],
            "items": { "type": "object", "minProperties": 1, "maxProperties": 1 },
        }),
    }
}

/// Tags with a prefix need a name behind it.
fn tags() -> String {
    let prefixes = tag::words(true).join("|");
    format!("^(?!\\s*({prefixes})(:?\\s*$))\\s*\\S")
}

pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// The value with some more properties.
pub(super) fn with(mut value: Value, more: Value) -> Value {
    if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    value
}

const BOOLEANS: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "y", "n"];

/// A number, or the text of one.
fn number(kind: &str, sign: &str, digits: &str) -> Value {
    let pattern = format!("^\\s*{sign}({digits}|{RADIX})\\s*$");
    json!({ "type": [kind, "string", "null"], "pattern": pattern })
}

/// The words in any case: JSON Schema has no flag for that.
pub(super) fn any_case(words: &[&str]) -> String {
    let letter = |c: char| format!("[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase());
    let words = words
        .iter()
        .map(|word| word.chars().map(letter).collect::<String>());
    words.collect::<Vec<_>>().join("|")
}
