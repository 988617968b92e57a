//! From files to what they say: strictly, every mistake with its place.

use std::sync::Arc;

use super::file_sd;
use super::found::{Found, Given, Keys, Placed};
use super::keys::{PASSWORDS, Stands, TARGET_KEYS, Takes, TargetKey, that};
use super::merge::{Merged, merge};
use super::names::is_label_name;
use crate::read::diagnostic::Diagnostic;
use crate::read::node::{Kind, Node};
use crate::read::position::{At, Location};
use crate::read::report::{FileReport, Report, Strictness};
use crate::read::source::Source;
use crate::read::tree::tree;
use crate::read::value::{boolean, clip, items, pairs, string, unknown_word, whole};
use crate::web::secret::Secret;

const WHAT: &str = "a targets file";
const TOP: &[&str] = &["defaults", "credentials", "targets"];

/// Reads targets files as a whole: of ours, or of Prometheus' `file_sd` form.
///
/// # Errors
/// All mistakes, when there is one.
pub fn targets(sources: &[Source]) -> Result<Vec<Merged>, Vec<Diagnostic>> {
    let mut report = Report::new(Strictness::Strict);
    let mut found = Found::default();
    for source in sources {
        let file: Arc<str> = Arc::from(source.path.as_ref());
        let in_file = &mut report.in_file(&file);
        let Some(root) = tree(source, in_file) else {
            continue;
        };
        match &root.kind {
            Kind::List(groups) => file_sd::read(groups, &mut found, in_file),
            _ => document(&root, &mut found, in_file),
        }
    }
    let merged = merge(found, &mut report);
    if report.has_errors() {
        Err(report.into_sorted())
    } else {
        Ok(merged)
    }
}

fn document(root: &Node, found: &mut Found, report: &mut FileReport<'_>) {
    for (key, value) in pairs(root, WHAT, report) {
        match key.value.as_str() {
            "defaults" => defaults(key, value, found, report),
            "credentials" => credentials(value, found, report),
            "targets" => {
                for node in items(value, "targets", report) {
                    let place = Location::new(&report.file, node.position);
                    let keys = keys(
                        node,
                        "a target",
                        &[Stands::Target, Stands::Credentials, Stands::TargetOnly],
                        report,
                    );
                    found.targets.push((place, keys));
                }
            }
            name if name.starts_with("x-") || name.starts_with('.') => {}
            _ => unknown_word(key, TOP, WHAT, report),
        }
    }
}

fn defaults(key: &At<String>, node: &Node, found: &mut Found, report: &mut FileReport<'_>) {
    if let Some((first, _)) = &found.defaults {
        let message = format!(
            "a second `defaults`, the first are at {}; they hold for all files: leave one",
            first.brief()
        );
        report.error(key.position, message);
        return;
    }
    let place = Location::new(&report.file, key.position);
    let keys = keys(node, "`defaults`", &[Stands::Target, Stands::Credentials], report);
    found.defaults = Some((place, keys));
}

fn credentials(node: &Node, found: &mut Found, report: &mut FileReport<'_>) {
    for (name, value) in pairs(node, "`credentials`", report) {
        if let Some((first, _)) = found.credentials.get(&name.value) {
            let message = format!(
                "credentials `{}` are at {} already; leave one",
                name.value,
                first.brief()
            );
            report.error(name.position, message);
            continue;
        }
        let place = Location::new(&report.file, name.position);
        let what = format!("credentials `{}`", name.value);
        let keys = keys(value, &what, &[Stands::Credentials], report);
        found.credentials.insert(name.value.clone(), (place, keys));
    }
}

fn keys(node: &Node, what: &str, stands: &[Stands], report: &mut FileReport<'_>) -> Keys {
    let mut found = Keys::new();
    for (key, value) in pairs(node, what, report) {
        let Some(row) = that(stands).find(|row| row.name == key.value) else {
            unknown(key, what, stands, report);
            continue;
        };
        if let Some(given) = given(row, value, report) {
            let place = Location::new(&report.file, value.position);
            found.insert(row.name, Placed { given, place });
        }
    }
    one_password(&found, report);
    found
}

fn unknown(key: &At<String>, what: &str, stands: &[Stands], report: &mut FileReport<'_>) {
    let elsewhere = TARGET_KEYS.iter().find(|row| row.name == key.value);
    let message = match (elsewhere, key.value.as_str()) {
        (Some(row), _) if row.stands == Stands::TargetOnly => {
            format!("`{}` is of a single target; it cannot stand in {what}", row.name)
        }
        (Some(row), _) => format!(
            "`{}` cannot stand in {what}; write it into the target or `defaults`",
            row.name
        ),
        (None, "database") => "unknown key `database`; write `dbname`".to_owned(),
        (None, "username") => "unknown key `username`; write `user`".to_owned(),
        (None, "dsn" | "uri") => format!("unknown key `{}`; write `url`", key.value),
        _ => {
            let known: Vec<&str> = that(stands).map(|row| row.name).collect();
            return unknown_word(key, &known, what, report);
        }
    };
    report.error(key.position, message);
}

fn one_password(keys: &Keys, report: &mut FileReport<'_>) {
    let mut given: Vec<_> = PASSWORDS
        .iter()
        .filter_map(|name| keys.get_key_value(name))
        .collect();
    given.sort_by_key(|(_, placed)| placed.place.position);
    if let [(first, _), (second, placed), ..] = &given[..] {
        let message = format!("`{first}` and `{second}` exclude each other; leave one");
        report.error(placed.place.position, message);
    }
    if let Some(ttl) = keys.get("ttl")
        && !keys.contains_key("password_command")
    {
        report.error(
            ttl.place.position,
            "`ttl` is of a `password_command`, and there is none beside it",
        );
    }
}

fn given(row: &TargetKey, node: &Node, report: &mut FileReport<'_>) -> Option<Given> {
    let text = |report: &mut FileReport<'_>| {
        let text = string(node, row.name, report)?;
        if text.value.is_empty() {
            report.error(
                text.position,
                format!("`{}` is empty; give it a value, or leave it out", row.name),
            );
            return None;
        }
        Some(text.value)
    };
    match row.takes {
        Takes::Text | Takes::Time => text(report).map(Given::Text),
        Takes::Secret => text(report).map(|text| Given::Secret(Secret::from(text))),
        Takes::Switch => boolean(node, row.name, report).map(|at| Given::Switch(at.value)),
        Takes::Whole => whole(node, row.name, report).map(|at| Given::Whole(at.value)),
        Takes::List => list(row, node, report).map(Given::List),
        Takes::Command => command(row, node, report).map(Given::List),
        Takes::Labels => Some(Given::Labels(labels(node, report))),
    }
}

/// `[a, b]`, or `a,b` as flags take it.
fn list(row: &TargetKey, node: &Node, report: &mut FileReport<'_>) -> Option<Vec<String>> {
    match &node.kind {
        Kind::Scalar(text) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Some(items.map(str::to_owned).collect())
        }
        _ => texts(row, node, report),
    }
}

fn texts(row: &TargetKey, node: &Node, report: &mut FileReport<'_>) -> Option<Vec<String>> {
    let before = report.errors();
    let texts: Vec<_> = items(node, row.name, report)
        .iter()
        .filter_map(|item| string(item, row.name, report).map(|text| text.value))
        .collect();
    (report.errors() == before).then_some(texts)
}

/// A list only: a line for a shell would be another language.
fn command(row: &TargetKey, node: &Node, report: &mut FileReport<'_>) -> Option<Vec<String>> {
    if let Kind::Scalar(text) = &node.kind {
        let words: Vec<_> = text.split_whitespace().map(|word| format!("{word:?}")).collect();
        let message = format!(
            "no shell runs it: write the program and its arguments as a list, [{}]",
            words.join(", ")
        );
        report.error(node.position, message);
        return None;
    }
    let words = texts(row, node, report)?;
    if words.first().is_none_or(String::is_empty) {
        report.error(node.position, format!("`{}` names no program", row.name));
        return None;
    }
    Some(words)
}

/// Names and values; a value may be empty, which is as if the label were not there.
fn labels(node: &Node, report: &mut FileReport<'_>) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    for (name, value) in pairs(node, "`labels`", report) {
        if !is_label_name(&name.value) {
            label_name(name, report);
        } else if let Some(value) = string(value, &name.value, report) {
            labels.push((name.value.clone(), value.value));
        }
    }
    labels
}

fn label_name(name: &At<String>, report: &mut FileReport<'_>) {
    let message = format!(
        "`{}` is no name of a label: letters, digits and _, no digit first, not __ first",
        clip(&name.value)
    );
    report.error(name.position, message);
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
