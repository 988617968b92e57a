//! The query and its predicates.

use std::time::Duration;

use super::settings;
use crate::place::{At, Spot};
use crate::report::FileReport;
use crate::sql::{self, Statements};
use crate::{Collector, Predicate, Tag, raw};

pub(crate) fn query(entry: &raw::Entry, collector: &mut Collector, report: &mut FileReport<'_>) {
    let Some(query) = &entry.query else {
        report.error(
            entry.spot,
            format!("`{}` has no `query`; write one statement", entry.branch),
        );
        return;
    };
    one_statement(query, &format!("`query` of `{}`", entry.branch), report);
    collector.query = trimmed(&query.value).to_owned().into();
}

pub(crate) fn predicates(entry: &raw::Entry, report: &mut FileReport<'_>) -> Vec<Predicate> {
    let list = entry
        .predicates
        .as_ref()
        .map(|list| list.value.as_slice())
        .unwrap_or_default();
    list.iter()
        .map(|raw| predicate(raw, &entry.branch, report))
        .collect()
}

fn predicate(raw: &raw::Predicate, branch: &str, report: &mut FileReport<'_>) -> Predicate {
    let query = match &raw.query {
        Some(query) => {
            one_statement(query, &format!("`predicate_query` of `{branch}`"), report);
            trimmed(&query.value)
        }
        None => {
            if !raw.broken {
                report.error(
                    raw.spot,
                    format!("an item of `predicate_queries` of `{branch}` lacks `predicate_query`"),
                );
            }
            ""
        }
    };
    let name = raw
        .name
        .as_ref()
        .map(|name| name.value.trim())
        .unwrap_or_default();
    Predicate {
        name: name.to_owned().into(),
        query: query.to_owned().into(),
        ttl: settings::span(raw.ttl.as_ref(), "ttl", report).unwrap_or(Duration::ZERO),
    }
}

fn one_statement(text: &At<String>, what: &str, report: &mut FileReport<'_>) {
    match sql::statements(&text.value) {
        Statements::One => {}
        Statements::None => report.error(text.spot, format!("{what} is empty; write one statement")),
        Statements::Several(line) => {
            // Only in a block scalar is a line feed of the text one of the file; it is also where it matters.
            let blank = text.value.len() - text.value.trim_start_matches('\n').len();
            let line = line.saturating_sub(u32::try_from(blank).unwrap_or(0));
            let spot = Spot::new(text.spot.line.saturating_add(line), text.spot.column);
            report.error(
                spot,
                format!("{what} holds several statements; leave one, a second collector can hold the other"),
            );
        }
        Statements::Unclosed(quote) => {
            report.error(
                text.spot,
                format!("{what} has a {quote} that is never closed; close it"),
            );
        }
    }
}

/// Without the blank lines around it, so that its first line is the line its place names.
fn trimmed(query: &str) -> &str {
    query.trim_end().trim_start_matches(['\n', '\r'])
}

/// The admin console knows SHOW and a few commands that change things.
pub(crate) fn pgbouncer(entry: &raw::Entry, collector: &Collector, report: &mut FileReport<'_>) {
    let Some(query) = entry
        .query
        .as_ref()
        .filter(|_| collector.has_tag(&Tag::Pgbouncer))
    else {
        return;
    };
    let word = sql::first_word(&query.value);
    if !word.is_empty() && !word.eq_ignore_ascii_case("show") {
        let branch = &entry.branch;
        report.warning(
            query.spot,
            format!("`{branch}` is for pgbouncer, which answers SHOW commands, not `{word}`"),
        );
    }
}
