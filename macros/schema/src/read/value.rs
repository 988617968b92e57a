//! Reads single values out of the tree. Each reports what it cannot read and yields `None` for it, and for null.

use std::collections::HashMap;

use super::node::{Kind, Node};
use super::position::{At, Position};
use super::report::FileReport;
use super::scalar;
use crate::language::near::did_you_mean;

/// A map's pairs, each key once, or a report of what stands there instead.
pub(crate) fn pairs<'a>(
    node: &'a Node,
    what: &str,
    report: &mut FileReport<'_>,
) -> Vec<&'a (At<String>, Node)> {
    match &node.kind {
        Kind::Null => Vec::new(),
        Kind::Map(pairs) => unique(pairs, what, report),
        Kind::Scalar(_) | Kind::List(_) => {
            report.error(
                node.position,
                format!("{what} must be a map of `key: value`, not {}", called(node)),
            );
            Vec::new()
        }
    }
}

fn unique<'a>(
    pairs: &'a [(At<String>, Node)],
    what: &str,
    report: &mut FileReport<'_>,
) -> Vec<&'a (At<String>, Node)> {
    let mut first: HashMap<&str, Position> = HashMap::new();
    let mut kept = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let key = &pair.0;
        if let Some(before) = first.insert(&key.value, key.position) {
            let message = format!(
                "duplicate key `{}` in {what}, first on line {}; leave one",
                key.value, before.line
            );
            report.error(key.position, message);
            first.insert(&key.value, before);
        } else {
            kept.push(pair);
        }
    }
    kept
}

/// A list's items, or a report of what stands there instead.
pub(crate) fn items<'a>(node: &'a Node, key: &str, report: &mut FileReport<'_>) -> &'a [Node] {
    match &node.kind {
        Kind::Null => &[],
        Kind::List(items) => items,
        Kind::Scalar(_) | Kind::Map(_) => {
            report.error(
                node.position,
                format!(
                    "`{key}` must be a list, `[…]` or lines of `- …`, not {}",
                    called(node)
                ),
            );
            &[]
        }
    }
}

/// A text. Null is the empty text, as it is in 1.x.
pub(crate) fn string(node: &Node, key: &str, report: &mut FileReport<'_>) -> Option<At<String>> {
    match &node.kind {
        Kind::Null => Some(At::new(String::new(), node.position)),
        Kind::Scalar(text) => Some(At::new(text.clone(), node.position)),
        Kind::List(_) | Kind::Map(_) => {
            report.error(
                node.position,
                format!("`{key}` must be a text, not {}", called(node)),
            );
            None
        }
    }
}

/// A finite number, also as a quoted text.
pub(crate) fn number(node: &Node, key: &str, report: &mut FileReport<'_>) -> Option<At<f64>> {
    scalar_of(
        node,
        key,
        "a number such as `0.1`, `1e-3` or `60`",
        scalar::float,
        report,
    )
}

/// A whole number.
pub(crate) fn whole(node: &Node, key: &str, report: &mut FileReport<'_>) -> Option<At<i64>> {
    scalar_of(node, key, "a whole number, without a unit", scalar::int, report)
}

/// A boolean.
pub(crate) fn boolean(node: &Node, key: &str, report: &mut FileReport<'_>) -> Option<At<bool>> {
    scalar_of(node, key, "`true` or `false`", scalar::boolean, report)
}

fn scalar_of<T>(
    node: &Node,
    key: &str,
    wanted: &str,
    read: impl Fn(&str) -> Option<T>,
    report: &mut FileReport<'_>,
) -> Option<At<T>> {
    match &node.kind {
        Kind::Null => None,
        Kind::Scalar(text) if text.is_empty() => None,
        Kind::Scalar(text) => match read(text) {
            Some(value) => Some(At::new(value, node.position)),
            None => {
                let wanted = match is_template(text) {
                    true => "render the template first".to_owned(),
                    false => format!("write {wanted}"),
                };
                report.error(
                    node.position,
                    format!("bad value `{}` for `{key}`; {wanted}", clip(text)),
                );
                None
            }
        },
        Kind::List(_) | Kind::Map(_) => {
            report.error(
                node.position,
                format!("`{key}` must be {wanted}, not {}", called(node)),
            );
            None
        }
    }
}

/// Whether a text has a place that some program is to fill.
pub(crate) fn is_template(text: &str) -> bool {
    ["{{", "{%", "<%", "${"].iter().any(|mark| text.contains(mark))
}

/// Reports a key that is not among those known.
pub(crate) fn unknown_word(key: &At<String>, known: &[&str], what: &str, report: &mut FileReport<'_>) {
    let word = &key.value;
    let hint = did_you_mean(word, known.iter().copied());
    let hint = if hint.is_empty() {
        format!("; known are {}", known.join(", "))
    } else {
        hint
    };
    report.finding(
        key.position,
        format!("unknown key `{}` in {what}{hint}", clip(word)),
    );
}

/// A text short enough for one line of a message.
pub(crate) fn clip(text: &str) -> String {
    const LONGEST: usize = 60;
    let line = text.trim().lines().next().unwrap_or_default();
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line.to_owned(),
    }
}

fn called(node: &Node) -> &'static str {
    match node.kind {
        Kind::Null => "nothing",
        Kind::Scalar(_) => "a single value",
        Kind::List(_) => "a list",
        Kind::Map(_) => "a map",
    }
}
