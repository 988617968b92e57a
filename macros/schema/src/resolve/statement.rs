//! The text of a statement.

use super::sql::{self, Statements};
use crate::model::{Collector, Tag};
use crate::read::given::Entry;
use crate::read::position::{At, Position};
use crate::read::report::FileReport;

/// The text of one statement, without the blank lines around it, so that its first line is the line its position names.
pub(crate) fn checked(text: &At<&String>, what: &str, report: &mut FileReport<'_>) -> String {
    one_statement(text, what, report);
    text.value.trim_end().trim_start_matches(['\n', '\r']).to_owned()
}

fn one_statement(text: &At<&String>, what: &str, report: &mut FileReport<'_>) {
    match sql::statements(text.value) {
        Statements::One => {}
        Statements::None => report.error(text.position, format!("{what} is empty; write one statement")),
        Statements::Several(line) => {
            // Only in a block scalar is a line feed of the text one of the file; it is also where it matters.
            let blank = text.value.len() - text.value.trim_start_matches('\n').len();
            let line = line.saturating_sub(u32::try_from(blank).unwrap_or(0));
            let position = Position::new(text.position.line.saturating_add(line), text.position.column);
            report.error(
                position,
                format!("{what} holds several statements; leave one, a second collector can hold the other"),
            );
        }
        Statements::Unclosed(quote) => {
            report.error(
                text.position,
                format!("{what} has a {quote} that is never closed; close it"),
            );
        }
    }
}

/// The admin console knows SHOW and a few commands that change things.
pub(crate) fn pgbouncer(entry: &Entry, collector: &Collector, report: &mut FileReport<'_>) {
    let Some(query) = entry
        .given
        .pair("query")
        .filter(|_| collector.has_tag(&Tag::Pgbouncer))
    else {
        return;
    };
    let word = sql::first_word(&collector.query);
    if !word.is_empty() && !word.eq_ignore_ascii_case("show") {
        let branch = &entry.branch;
        report.warning(
            query.position,
            format!("`{branch}` is for pgbouncer, which answers SHOW commands, not `{word}`"),
        );
    }
}
