//! From the tree of a file to the keys of the language and their values.

use std::sync::Arc;

use super::alternatives::alternatives;
use super::given::{Entry, Given, GivenColumn, Pair, Written};
use super::node::{Kind, Node};
use super::position::{At, Position};
use super::report::{FileReport, Report};
use super::source::Source;
use super::tree::tree;
use super::value::{boolean, clip, items, number, pairs, string, unknown_word, whole};
use super::{foreign, histogram};
use crate::language::key::{self, Key, Takes};
use crate::language::near::did_you_mean;
use crate::language::{collector, column, predicate, usage};
use crate::model::{Predicate, Usage};

/// The entries of a file.
pub(crate) fn file(source: &Source, report: &mut Report) -> Vec<Entry> {
    let file: Arc<str> = Arc::from(source.path.as_ref());
    let mut report = report.in_file(&file);
    let Some(root) = tree(source, &mut report) else {
        return Vec::new();
    };
    let mut entries = Vec::new();
    let pairs = pairs(&root, "a definition file", &mut report);
    for (key, node) in pairs.into_iter().filter(|(key, _)| !is_holder(&key.value)) {
        for (key, node) in own_words(key, node, &mut report) {
            entries.extend(entry(&key, &node, &mut report));
        }
    }
    entries
}

/// An entry in our own words: keys and histograms of other exporters are put in ours.
pub(crate) fn own_words(
    key: &At<String>,
    node: &Node,
    report: &mut FileReport<'_>,
) -> Vec<(At<String>, Node)> {
    let mut entries = Vec::new();
    for (key, node) in alternatives(key, node) {
        let node = foreign::translated(&node, report);
        entries.extend(histogram::expanded(&key, node, report));
    }
    entries
}

/// Whether an entry only holds anchors for others, as `.name` and `x-name` do in files of Compose and of CI.
pub(crate) fn is_holder(key: &str) -> bool {
    key.starts_with('.') || key.starts_with("x-")
}

/// One definition or tuning.
pub(crate) fn entry(key: &At<String>, node: &Node, report: &mut FileReport<'_>) -> Option<Entry> {
    let branch = key.value.trim();
    if let Some(c) = key
        .value
        .chars()
        .next()
        .filter(|c| c.is_whitespace() && !c.is_ascii())
    {
        let message = format!("the character U+{:04X} cannot indent: write spaces", u32::from(c));
        report.error(key.position, message);
        return None;
    }
    if branch.is_empty() {
        report.error(
            key.position,
            "a definition without a name; write `branch_name:` before it",
        );
        return None;
    }
    if matches!(node.kind, Kind::Null) {
        report.error(
            key.position,
            format!("`{branch}` is empty; write its `query` and `metrics`, or remove it"),
        );
        return None;
    }
    let what = format!("`{branch}`");
    Some(Entry {
        branch: branch.to_owned(),
        given: given(collector::KEYS, node, key.position, &what, report),
    })
}

/// The keys of a map, those of the language and no others.
fn given<T>(
    known: &'static [Key<T>],
    node: &Node,
    position: Position,
    what: &str,
    report: &mut FileReport<'_>,
) -> Given<T> {
    let before = report.errors();
    let mut list = Vec::new();
    for (key, value) in pairs(node, what, report) {
        match known.iter().find(|row| row.name == key.value) {
            Some(row) => list.extend(pair(row, key, value, report)),
            None => unknown_word(key, &key::names(known).collect::<Vec<_>>(), what, report),
        }
    }
    Given {
        position,
        pairs: list,
        broken: report.errors() > before,
    }
}

/// A key and its value; `None` when it says nothing, or nothing that can be read.
fn pair<T>(
    row: &'static Key<T>,
    key: &At<String>,
    node: &Node,
    report: &mut FileReport<'_>,
) -> Option<Pair<T>> {
    let word = row.name;
    let value = match &row.takes {
        Takes::Text(_) | Takes::Prefix(_) | Takes::Suffix | Takes::Metric | Takes::Statement(_) => {
            Written::Text(string(node, word, report)?.value)
        }
        Takes::Seconds(_) | Takes::Timeout(_) | Takes::Factor(_) | Takes::Number(_) => {
            Written::Number(number(node, word, report)?.value)
        }
        Takes::Version(_) | Takes::Priority(_) | Takes::Count(_) => {
            Written::Whole(whole(node, word, report)?.value)
        }
        Takes::Boolean(_) => Written::Boolean(boolean(node, word, report)?.value),
        Takes::Usage(_) => Written::Usage(usage_of(node, report)?),
        Takes::Tags(_) | Takes::Functions(_) => Written::Words(each(node, word, report, string)),
        Takes::Schemas(_) => Written::Words(schemas(node, word, report)),
        Takes::Settings(_) => Written::Assignments(assignments(node, word, report)),
        Takes::Bounds(_) => {
            let before = report.errors();
            let bounds = each(node, word, report, number);
            if report.errors() > before {
                return None;
            }
            Written::Numbers(bounds)
        }
        Takes::Predicates(_) => Written::Predicates(each(node, word, report, predicate_of)),
        Takes::Columns(_) => Written::Columns(each(node, word, report, column_of)),
    };
    Some(Pair {
        key: row,
        key_position: key.position,
        value,
        position: node.position,
    })
}

/// The items of a list, as far as they can be read.
fn each<V>(
    node: &Node,
    key: &str,
    report: &mut FileReport<'_>,
    read: impl Fn(&Node, &str, &mut FileReport<'_>) -> Option<V>,
) -> Vec<V> {
    items(node, key, report)
        .iter()
        .filter_map(|item| read(item, key, report))
        .collect()
}

/// A list, or a text with commas between names that may be in double quotes.
fn schemas(node: &Node, key: &str, report: &mut FileReport<'_>) -> Vec<At<String>> {
    match &node.kind {
        Kind::Scalar(text) => text
            .split(',')
            .map(|name| At::new(name.trim().trim_matches('"').to_owned(), node.position))
            .collect(),
        Kind::Null | Kind::List(_) | Kind::Map(_) => each(node, key, report, string),
    }
}

/// A map, or a list of `name=value`, which is what attributes hold.
fn assignments(node: &Node, key: &str, report: &mut FileReport<'_>) -> Vec<(At<String>, At<String>)> {
    if let Kind::List(_) = node.kind {
        return each(node, key, report, |item, key, report| {
            let text = string(item, key, report)?;
            let (name, value) = text.value.split_once('=').unwrap_or((&text.value, ""));
            let at = |part: &str| At::new(part.trim().to_owned(), text.position);
            Some((at(name), at(value)))
        });
    }
    pairs(node, &format!("`{key}`"), report)
        .into_iter()
        .filter_map(|(name, value)| Some((name.clone(), string(value, &name.value, report)?)))
        .collect()
}

fn predicate_of(node: &Node, key: &str, report: &mut FileReport<'_>) -> Option<Given<Predicate>> {
    let what = format!("an item of `{key}`");
    Some(given(predicate::KEYS, node, node.position, &what, report))
}

fn column_of(node: &Node, list: &str, report: &mut FileReport<'_>) -> Option<GivenColumn> {
    let found = pairs(node, &format!("an item of `{list}`"), report);
    let [(key, value)] = found.as_slice() else {
        let message = format!(
            "an item of `{list}` must hold exactly one column; write `- column: {{ usage: …, description: … }}`"
        );
        report.error(node.position, message);
        return None;
    };
    let name = key.value.trim();
    if name.is_empty() {
        report.error(
            key.position,
            "a column without a name; write the name the query gives it",
        );
        return None;
    }
    if matches!(value.kind, Kind::Null) {
        report.error(
            key.position,
            format!("column `{name}` is empty; write `{name}: {{ usage: … }}`"),
        );
        return None;
    }
    Some(properties(name, key.position, value, report))
}

fn properties(name: &str, position: Position, node: &Node, report: &mut FileReport<'_>) -> GivenColumn {
    let (mut node, real_name) = without_name(name, node, report);
    description(name, &mut node, report);
    GivenColumn {
        column: real_name,
        given: given(column::KEYS, &node, position, &format!("column `{name}`"), report),
    }
}

/// In braces a text without quotes ends at a comma; what comes behind it looks like keys without values, or, where it has a
/// colon, like keys of several words.
fn description(column: &str, node: &mut Node, report: &mut FileReport<'_>) {
    let Kind::Map(pairs) = &mut node.kind else {
        return;
    };
    let is_description = |(key, value): &(At<String>, Node)| {
        key.value == "description" && matches!(value.kind, Kind::Scalar(_))
    };
    let Some(at) = pairs.iter().position(is_description) else {
        return;
    };
    let is_rest = |(key, value): &&(At<String>, Node)| match &value.kind {
        Kind::Null => !key::names(column::KEYS).any(|known| known == key.value),
        Kind::Scalar(_) => key.value.trim().contains(' '),
        Kind::List(_) | Kind::Map(_) => false,
    };
    let rest: Vec<_> = pairs.iter().skip(at + 1).take_while(is_rest).cloned().collect();
    let Some((first, _)) = rest.first() else {
        return key_without_value(column, pairs.get(at), pairs.get(at + 1), report);
    };
    pairs.drain(at + 1..=at + rest.len());
    let Some(Kind::Scalar(text)) = pairs.get(at).map(|(_, value)| &value.kind) else {
        return;
    };
    let part = |(key, value): &(At<String>, Node)| match &value.kind {
        Kind::Scalar(more) => format!("{}: {more}", key.value),
        _ => key.value.clone(),
    };
    let whole: Vec<String> = std::iter::once(text.clone())
        .chain(rest.iter().map(part))
        .collect();
    let message = format!(
        "the description of `{column}` ends at the comma; write it in quotes: `\"{}\"`",
        clip(&whole.join(", "))
    );
    report.finding(first.position, message);
}

/// A key of ours may be a word of the text, too. Without a value it says nothing, so one behind the description on its line is looked at.
fn key_without_value(
    column: &str,
    description: Option<&(At<String>, Node)>,
    next: Option<&(At<String>, Node)>,
    report: &mut FileReport<'_>,
) {
    let (Some((_, text)), Some((key, value))) = (description, next) else {
        return;
    };
    let (Kind::Scalar(said), Kind::Null) = (&text.kind, &value.kind) else {
        return;
    };
    if key.position.line == text.position.line && !said.is_empty() {
        let message = format!(
            "`{}` behind the description of `{column}` has no value; remove it, or, if it belongs to the text, write that in quotes: \
             `\"{}\"`",
            key.value,
            clip(&format!("{said}, {}", key.value))
        );
        report.warning(key.position, message);
    }
}

/// In 1.x a column could hold its own `name`, which counted in place of its key.
fn without_name(key: &str, node: &Node, report: &mut FileReport<'_>) -> (Node, String) {
    let mut node = node.clone();
    let mut real_name = key.to_owned();
    if let Kind::Map(pairs) = &mut node.kind {
        let names: Vec<_> = pairs.extract_if(.., |(word, _)| word.value == "name").collect();
        for (word, value) in names {
            let Some(name) = string(&value, "name", report).filter(|name| !name.value.trim().is_empty())
            else {
                continue;
            };
            if name.value.trim() != key {
                let name = name.value.trim();
                let message =
                    format!("`name` of column `{key}` counts as its key; write `{name}: {{ … }}` instead");
                report.warning(word.position, message);
                name.clone_into(&mut real_name);
            }
        }
    }
    (node, real_name)
}

fn usage_of(node: &Node, report: &mut FileReport<'_>) -> Option<Usage> {
    let word = string(node, "usage", report)?;
    let found = usage::usage(word.value.trim());
    if found.is_none() {
        let known = usage::all();
        let hint = match usage::foreign(word.value.trim()) {
            Some(instead) => format!(", a usage of postgres_exporter; {instead}"),
            None => match did_you_mean(word.value.trim(), known.iter().copied()) {
                hint if hint.is_empty() => format!("; write one of {}", known.join(", ")),
                hint => hint,
            },
        };
        report.error(word.position, format!("unknown usage `{}`{hint}", word.value));
    }
    found
}
