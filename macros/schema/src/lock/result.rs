//! The results that servers showed, against the columns that a definition lists.

use std::collections::BTreeMap;

use super::branch::{Branch, Finding};
use super::kind::SqlKind;
use super::position::{place_in_query, word_at};
use super::record::{Answer, Entry, ResultColumn};
use super::seen::Seen;
use super::server::Server;
use crate::language::near::did_you_mean;
use crate::model::{Collector, Column, Tag, Usage};
use crate::read::position::Location;

/// Servers by what they have in common.
type Groups<'a, T> = BTreeMap<T, Vec<&'a Server>>;

/// A predicate must yield one boolean wherever it runs.
pub(crate) fn predicate(what: &str, sql: &str, entry: &Entry, at: &Location, found: &mut Vec<Finding>) {
    let mut wrong: Groups<'_, String> = BTreeMap::new();
    for (server, columns) in entry.columns() {
        let kinds: Vec<&str> = columns.iter().map(|column| column.kind.as_str()).collect();
        if kinds != ["bool"] {
            wrong.entry(kinds.join(", ")).or_default().push(server);
        }
    }
    for (kinds, servers) in wrong {
        let seen = Seen::of(servers);
        let kinds = if kinds.is_empty() { "no column" } else { &kinds };
        let message = format!("{what} yields {kinds} on {seen}; it must yield one column of type boolean");
        found.push(Finding::new(at, message));
    }
    for (sqlstate, position, servers) in refusals(entry) {
        let message = refusal(what, sql, sqlstate, position, &servers);
        found.push(Finding::new(at, message));
    }
}

/// Every difference of a query's results.
pub(crate) fn query(branch: &Branch<'_>, entry: &Entry, found: &mut Vec<Finding>) {
    let collector = branch.collector;
    let query = &branch.places.query;
    let what = format!("the query of `{}`", collector.branch);
    for (sqlstate, position, servers) in refusals(entry) {
        let place = position.and_then(|position| {
            place_in_query(
                branch.file,
                collector.origin.query_line,
                &collector.query,
                position,
            )
        });
        let at = place.map_or_else(|| query.clone(), |place| Location::new(&query.file, place));
        let message = refusal(&what, &collector.query, sqlstate, position, &servers);
        found.push(Finding::new(&at, message));
    }
    for (column, at) in collector.columns.iter().zip(&branch.places.columns) {
        let of_column = listed(collector, column, entry);
        found.extend(of_column.into_iter().map(|message| Finding::new(at, message)));
    }
    let mut strange = duplicates(&collector.branch, entry);
    // What a console shows cannot be chosen.
    if !collector.has_tag(&Tag::Pgbouncer) {
        strange.extend(unlisted(branch, entry));
    }
    found.extend(strange.into_iter().map(|message| Finding::new(query, message)));
}

fn refusals(entry: &Entry) -> Vec<(&str, Option<u32>, Vec<&Server>)> {
    let mut groups: Groups<'_, (&str, Option<u32>)> = BTreeMap::new();
    for (server, answer) in &entry.answers {
        if let Answer::Refused { sqlstate, position } = answer {
            groups.entry((sqlstate, *position)).or_default().push(server);
        }
    }
    let groups = groups.into_iter();
    groups
        .map(|((sqlstate, position), servers)| (sqlstate, position, servers))
        .collect()
}

fn refusal(what: &str, sql: &str, sqlstate: &str, position: Option<u32>, servers: &[&Server]) -> String {
    let seen = Seen::of(servers.iter().copied());
    let at = position.map_or_else(String::new, |position| {
        format!(" at `{}`", word_at(sql, position))
    });
    let meaning = meaning(sqlstate);
    format!("{seen} refuses {what}{at}: SQLSTATE {sqlstate}{meaning}")
}

/// What the commonest error codes mean.
fn meaning(sqlstate: &str) -> &'static str {
    match sqlstate {
        "0A000" => " (feature not supported)",
        "22P02" | "22007" => " (a literal is not of its type)",
        "3F000" => " (no such schema)",
        "42501" => " (permission denied)",
        "42601" => " (syntax error)",
        "42702" => " (ambiguous column)",
        "42703" => " (no such column)",
        "42704" => " (no such object)",
        "42712" => " (an alias stands twice)",
        "42725" => " (ambiguous function)",
        "42803" => " (not in GROUP BY)",
        "42804" => " (types do not match)",
        "42846" => " (no such cast)",
        "42883" => " (no such function or operator)",
        "42P01" => " (no such relation)",
        "42P02" => " (a parameter, which nobody gives a value)",
        _ => "",
    }
}

/// What is wrong with a column that the definition lists.
fn listed(collector: &Collector, column: &Column, entry: &Entry) -> Vec<String> {
    let (branch, name) = (&collector.branch, &column.column);
    let is_listed = |found: &&ResultColumn| collector.columns.iter().any(|one| one.column == found.name);
    let mut missing = Vec::new();
    let mut others: Vec<&str> = Vec::new();
    let mut kinds: Groups<'_, &str> = BTreeMap::new();
    for (server, columns) in entry.columns() {
        match columns.iter().find(|found| found.name == *name) {
            Some(found) => kinds.entry(&found.kind).or_default().push(server),
            None => {
                missing.push(server);
                let unlisted = columns.iter().filter(|found| !is_listed(found));
                others.extend(unlisted.map(|found| found.name.as_str()));
            }
        }
    }
    let mut messages = Vec::new();
    // Discarded columns may be absent.
    if !missing.is_empty() && column.usage != Usage::Discard {
        let seen = Seen::of(missing);
        let mut advice = did_you_mean(name, others);
        if advice.is_empty() {
            advice = "; select it, or remove it here".to_owned();
        }
        messages.push(format!(
            "the result of `{branch}` has no column `{name}` on {seen}{advice}"
        ));
    }
    for (kind, servers) in kinds {
        if let Some(fault) = fault(column, kind) {
            let seen = Seen::of(servers);
            messages.push(format!(
                "column `{name}` of `{branch}` is of type {kind} on {seen}, {fault}"
            ));
        }
    }
    messages
}

/// What is wrong with the type of a column, for what becomes of it.
fn fault(column: &Column, kind: &str) -> Option<&'static str> {
    let is_scaled = column.scale.to_bits() != 1.0_f64.to_bits();
    match SqlKind::of(kind) {
        _ if !column.usage.is_value() => None,
        SqlKind::Other => Some("which is no number; cast it in the query"),
        SqlKind::Boolean | SqlKind::Time if is_scaled => {
            Some("which is not scaled; take `scale` away, or make a number of it in the query")
        }
        SqlKind::Boolean if column.usage == Usage::Counter => Some("which counts nothing; make it a GAUGE"),
        _ => None,
    }
}

/// A result that has a column twice: the first is read.
fn duplicates(branch: &str, entry: &Entry) -> Vec<String> {
    let mut groups: Groups<'_, &str> = BTreeMap::new();
    for (server, columns) in entry.columns() {
        for (at, column) in columns.iter().enumerate() {
            let before = columns.get(..at).unwrap_or_default();
            if before.iter().filter(|other| other.name == column.name).count() == 1 {
                groups.entry(&column.name).or_default().push(server);
            }
        }
    }
    let told = groups.into_iter().map(|(name, servers)| {
        let seen = Seen::of(servers);
        format!("the result of `{branch}` has a column `{name}` twice on {seen}; give each a name of its own")
    });
    told.collect()
}

/// Columns of a result that the definition does not list.
fn unlisted(branch: &Branch<'_>, entry: &Entry) -> Vec<String> {
    let mut groups: Groups<'_, &str> = BTreeMap::new();
    let is_listed = |found: &ResultColumn| {
        let mut columns = branch.collector.columns.iter();
        columns.any(|column| column.column == found.name)
    };
    for (server, columns) in entry.columns() {
        for column in columns.iter().filter(|column| !is_listed(column)) {
            groups.entry(&column.name).or_default().push(server);
        }
    }
    let told = groups.into_iter().map(|(name, servers)| {
        let (branch, seen) = (&branch.collector.branch, Seen::of(servers));
        format!(
            "the result of `{branch}` has a column `{name}` on {seen} that `metrics` does not list; list it, or select less"
        )
    });
    told.collect()
}
