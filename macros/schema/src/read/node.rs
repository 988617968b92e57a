//! YAML as a tree of positions and raw scalars. No other file of this crate reads YAML.
//!
//! Scalars keep the text they were written with (`090600`, `1e-3`): what a text means is decided by the key it stands
//! under, in [`scalar`](super::scalar). Keys that occur twice are kept, so that they can be reported.

use std::cell::Cell;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::Spanned;

use super::position::{At, Position};

/// A value of a definition file.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it begins; of a block scalar, its first line of text.
    pub position: Position,
    /// What it is.
    pub kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Absent, empty, `null` or `~`.
    Null,
    /// A scalar as it was written, without quotes.
    Scalar(String),
    /// A list.
    List(Vec<Node>),
    /// A map in order, keys that occur twice included.
    Map(Vec<(At<String>, Node)>),
}

/// Why a text is no YAML.
pub(crate) struct SyntaxError {
    pub(crate) position: Position,
    pub(crate) message: String,
    /// Whether it is YAML, and of a size or shape that is not taken: no change of a text helps.
    pub(crate) is_too_much: bool,
}

/// A value before its scalars' text is looked up.
enum Value {
    Null,
    Text(String),
    /// A scalar that the parser took for a number or boolean.
    Typed,
    List(Vec<Spanned<Value>>),
    Map(Vec<(Spanned<Value>, Spanned<Value>)>),
}

/// What a document may weigh: the bytes of its texts and [`WEIGHT`] for each value. An alias weighs as much as what it
/// stands for, or a few lines could fill the memory.
const HEAVIEST: usize = 16 << 20;

/// How deep values may lie in each other. A definition has them five deep; a thread's stack must hold them.
const DEEPEST: usize = 32;

const TOO_MUCH: &str =
    "more than a definition file may hold, aliases counted as what they stand for; split the file";

/// What a value weighs besides its text.
const WEIGHT: usize = 160;

thread_local! {
    /// What the values of the document that is being read weigh so far. The parser makes values by `Deserialize`, which
    /// can be handed nothing.
    static WEIGHED: Cell<usize> = const { Cell::new(0) };
}

/// Counts a value in.
fn weigh<E: serde::de::Error>(bytes: usize) -> Result<(), E> {
    let total = WEIGHED.get().saturating_add(bytes).saturating_add(WEIGHT);
    WEIGHED.set(total);
    if total > HEAVIEST {
        return Err(E::custom(TOO_MUCH));
    }
    Ok(())
}

/// Reads one document.
pub(crate) fn read(text: &str) -> Result<Node, SyntaxError> {
    WEIGHED.set(0);
    let options = serde_yaml::options! {
        duplicate_keys: serde_yaml::options::DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: serde_yaml::options::NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
        budget: serde_yaml::budget! {
            max_depth: DEEPEST,
            max_nodes: HEAVIEST / WEIGHT,
            flow_nesting_limit: DEEPEST,
            // One holder of anchors is meant for every branch. What its aliases stand for is weighed.
            enforce_alias_anchor_ratio: false,
        },
    };
    let value: Spanned<Value> =
        serde_yaml::from_str_with_options(text, options).map_err(|error| syntax_error(&error))?;
    node(value, text)
}

fn syntax_error(error: &serde_yaml::Error) -> SyntaxError {
    let error = error.without_snippet();
    let position = error
        .location()
        .map_or_else(Position::default, |location| position(&location));
    let text = error.render_with_formatter(&serde_yaml::UserMessageFormatter);
    let too_much = too_much(&text);
    SyntaxError {
        position,
        is_too_much: too_much.is_some(),
        message: too_much.unwrap_or_else(|| without_position(&text)),
    }
}

/// What to say of a document that is larger or deeper than is taken. What the library refuses for bounds of its own, such as a
/// number of aliases, is of that kind too.
fn too_much(text: &str) -> Option<String> {
    if text.contains("recursion limit") || text.contains("limits breached: Depth") {
        let message =
            format!("values lie more than {DEEPEST} deep in each other; a definition needs five levels");
        return Some(message);
    }
    let is_too_much = [TOO_MUCH, "too large or too complex"]
        .iter()
        .any(|word| text.contains(word));
    is_too_much.then(|| TOO_MUCH.to_owned())
}

/// The library ends its messages with `at line 3, column 7`; ours begin with it.
fn without_position(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    let cut = first.rfind(" at line ").unwrap_or(first.len());
    first
        .get(..cut)
        .unwrap_or(first)
        .trim_end_matches([':', ',', ' '])
        .to_owned()
}

fn position(location: &serde_yaml::Location) -> Position {
    let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Position::new(number(location.line()), number(location.column()))
}

fn node(value: Spanned<Value>, text: &str) -> Result<Node, SyntaxError> {
    let position = position(&value.referenced);
    let kind = match value.value {
        Value::Null => Kind::Null,
        Value::Text(text) => Kind::Scalar(text),
        Value::Typed => Kind::Scalar(raw_text(&value.defined, text).to_owned()),
        Value::List(items) => Kind::List(
            items
                .into_iter()
                .map(|item| node(item, text))
                .collect::<Result<_, _>>()?,
        ),
        Value::Map(pairs) => Kind::Map(
            pairs
                .into_iter()
                .map(|(key, value)| Ok((key_text(key, text)?, node(value, text)?)))
                .collect::<Result<_, _>>()?,
        ),
    };
    Ok(Node { position, kind })
}

fn key_text(key: Spanned<Value>, text: &str) -> Result<At<String>, SyntaxError> {
    let key = node(key, text)?;
    match key.kind {
        Kind::Scalar(value) => Ok(At::new(value, key.position)),
        Kind::Null => Ok(At::new(String::new(), key.position)),
        Kind::List(_) | Kind::Map(_) => Err(SyntaxError {
            position: key.position,
            message: "a key must be a word, not a list or a map".to_owned(),
            is_too_much: false,
        }),
    }
}

fn raw_text<'a>(location: &serde_yaml::Location, text: &'a str) -> &'a str {
    let span = location.span();
    let range = span.byte_offset().zip(span.byte_len());
    range
        .and_then(|(start, length)| {
            let start = usize::try_from(start).ok()?;
            text.get(start..start.checked_add(usize::try_from(length).ok()?)?)
        })
        .unwrap_or_default()
        .trim()
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map, a list or a scalar")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        weigh(0).map(|()| Value::Null)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Value, E> {
        self.visit_unit()
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        weigh(text.len()).map(|()| Value::Text(text.to_owned()))
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Value, E> {
        weigh(text.len()).map(|()| Value::Text(text))
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Value, E> {
        weigh(0).map(|()| Value::Typed)
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Value, E> {
        weigh(0).map(|()| Value::Typed)
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Value, E> {
        weigh(0).map(|()| Value::Typed)
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Value, E> {
        weigh(0).map(|()| Value::Typed)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        weigh(0)?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Value, A::Error> {
        weigh(0)?;
        let mut map = Vec::new();
        while let Some(key) = pairs.next_key::<Spanned<Value>>()? {
            map.push((key, pairs.next_value()?));
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
#[path = "node_tests.rs"]
mod tests;
