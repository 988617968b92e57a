//! What single values may be. Numbers and booleans may be quoted, so each is described twice: as JSON's and as text.

use serde_json::{Value, json};

use super::reference;
use crate::keys::{self, Takes};

/// What can begin the name of a metric.
pub(super) const NAME: &str = "^[a-zA-Z_:][a-zA-Z0-9_:]*$";
/// What can name a label.
pub(super) const LABEL: &str = "^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$";
/// What can only name a metric, behind its collector's name.
pub(super) const SUFFIX_BUT_NO_LABEL: &str = "^(?!(?!__)[a-zA-Z_][a-zA-Z0-9_]*$)[a-zA-Z0-9_:]+$";

const DECIMAL: &str = "([0-9][0-9_]*\\.?[0-9_]*|\\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?";
const WHOLE: &str = "[0-9][0-9_]*(\\.0*)?([eE]\\+?[0-9]+)?";
const RADIX: &str = "0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+";
/// Tags with a prefix need a name behind it.
const TAG: &str = "^(?!\\s*(extension|schema|dbname|username|not)(:?\\s*$))\\s*\\S";
/// What a duration can hold.
const LONGEST: f64 = 1.8e19;

pub(super) fn takes(takes: Takes) -> Value {
    match takes {
        Takes::Text => json!({ "type": ["string", "number", "boolean", "null"] }),
        Takes::Prefix => json!({ "type": ["string", "null"], "pattern": format!("^\\s*$|{NAME}") }),
        Takes::Name => {
            json!({ "type": ["string", "integer", "null"], "pattern": "^[a-zA-Z0-9_:]*$", "minimum": 0 })
        }
        Takes::Statement => json!({ "type": "string", "pattern": "\\S" }),
        Takes::Tags => json!({
            "type": ["array", "null"],
            "items": { "type": ["string", "number", "boolean"], "pattern": TAG },
        }),
        Takes::Number => number("number", "[-+]?", DECIMAL),
        Takes::Seconds => super::with(
            number("number", "\\+?", DECIMAL),
            json!({ "minimum": 0, "maximum": LONGEST }),
        ),
        Takes::Whole => number("integer", "[-+]?", WHOLE),
        Takes::Count => super::with(number("integer", "\\+?", WHOLE), json!({ "minimum": 0 })),
        Takes::Boolean => json!({
            "type": ["boolean", "string", "null"],
            "pattern": format!("^\\s*({})\\s*$", any_case(&BOOLEANS)),
        }),
        Takes::Usage => json!({ "type": "string", "pattern": format!("^({})$", any_case(&keys::USAGES)) }),
        Takes::Numbers => json!({
            "type": "array",
            "minItems": 1,
            "items": super::with(number("number", "[-+]?", DECIMAL), json!({ "type": ["number", "string"] })),
        }),
        Takes::Predicates => json!({ "type": ["array", "null"], "items": reference("predicate") }),
        Takes::Columns => json!({
            "type": ["array", "null"],
            "items": { "type": "object", "minProperties": 1, "maxProperties": 1 },
        }),
    }
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
