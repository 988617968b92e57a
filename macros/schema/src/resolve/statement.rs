//! The text of a statement: one, that reads, and what may stand in front of it.

use super::server_settings;
use crate::model::{Collector, Setting, Tag, Text};
use crate::read::given::{Pair, Written};
use crate::read::position::{At, Position};
use crate::read::report::FileReport;
use crate::sql::count::{Statements, statements};
use crate::sql::judge::{Refusal, console_refusal, refusal};
use crate::sql::prelude::{Assignment, prelude};

/// The text of one statement, without the blank lines around it, so that its first line is the line its position names.
pub(crate) fn checked(text: &At<&str>, what: &str, report: &mut FileReport<'_>) -> String {
    if one_statement(text, what, report)
        && let Some(refusal) = refusal(text.value)
    {
        refuse(&refusal, text, what, report);
    }
    trimmed(text.value).to_owned()
}

/// The query of a definition. What stands in front of it becomes settings of the definition.
pub(crate) fn query(
    pair: &Pair<Collector>,
    branch: &str,
    is_console: bool,
    collector: &mut Collector,
    report: &mut FileReport<'_>,
) {
    let Written::Text(text) = &pair.value else {
        return;
    };
    let what = format!("`{}` of `{branch}`", pair.key.name);
    let text = At::new(text.as_str(), pair.position);
    if is_console {
        if one_statement(&text, &what, report)
            && let Some(refusal) = console_refusal(text.value)
        {
            refuse(&refusal, &text, &what, report);
        }
        collector.query = trimmed(text.value).to_owned().into();
        return;
    }
    let Some((assignments, offset)) = prelude(text.value) else {
        collector.query = checked(&text, &what, report).into();
        return;
    };
    for assignment in &assignments {
        assign(assignment, &text, collector, report);
    }
    let rest = At::new(
        text.value.get(offset..).unwrap_or_default(),
        position(&text, offset),
    );
    collector.origin.query_line = rest.position.line;
    collector.query = checked(&rest, &what, report).into();
}

/// `SET` in front of the query, as a key of the definition.
fn assign(assignment: &Assignment, text: &At<&str>, collector: &mut Collector, report: &mut FileReport<'_>) {
    let at = position(text, assignment.offset);
    let Assignment { name, values, .. } = assignment;
    let value = values.join(", ");
    let said = match name.as_str() {
        "statement_timeout" => match server_settings::timeout(&value) {
            Some(seconds) => {
                collector.timeout = std::time::Duration::try_from_secs_f64(seconds).ok();
                format!("timeout: {seconds}")
            }
            None => {
                report.error(at, format!("`{value}` is no time; write `timeout`, in seconds"));
                return;
            }
        },
        "search_path" => {
            let schemas: Vec<Text> = values.iter().map(|name| name.clone().into()).collect();
            collector.search_path = schemas.into();
            format!("search_path: [{value}]")
        }
        _ => match server_settings::checked(&At::new(name.clone(), at), &value, report) {
            Some(setting) => {
                let said = format!("settings: {{{}: {}}}", setting.name, setting.value);
                let settings: &mut Vec<Setting> = collector.settings.to_mut();
                settings.retain(|one| one.name != setting.name);
                settings.push(setting);
                said
            }
            None => return,
        },
    };
    report.warning(
        at,
        format!("`SET {name}` in front of the statement is read as `{said}`; write that"),
    );
}

/// Whether it is exactly one statement.
fn one_statement(text: &At<&str>, what: &str, report: &mut FileReport<'_>) -> bool {
    match statements(text.value) {
        Statements::One => return true,
        Statements::None => report.error(text.position, format!("{what} is empty; write one statement")),
        Statements::Several(offset) => match refusal(text.value).filter(Refusal::is_of_session) {
            // BEGIN, SET TRANSACTION, RESET and their like are no statement that another collector could hold.
            Some(refusal) => refuse(&refusal, text, what, report),
            None => several(text, offset, what, report),
        },
        Statements::Unclosed(quote) => {
            report.error(
                text.position,
                format!("{what} has a {quote} that is never closed; close it"),
            );
        }
    }
    false
}

fn several(text: &At<&str>, second: usize, what: &str, report: &mut FileReport<'_>) {
    let message = format!(
        "{what} holds several statements; leave one. A second collector can hold the other; what SET would do is said by \
         `timeout`, `search_path` and `settings`"
    );
    report.error(position(text, second), message);
}

fn refuse(refusal: &Refusal, text: &At<&str>, what: &str, report: &mut FileReport<'_>) {
    let Refusal {
        offset,
        found,
        advice,
    } = refusal;
    report.error(
        position(text, *offset),
        format!("{what} holds {found}, which is not run: {advice}"),
    );
}

/// Where an offset of a statement is in its file.
fn position(text: &At<&str>, offset: usize) -> Position {
    // Only in a block scalar is a line feed of the text one of the file; it is also where it matters.
    let blank = text.value.len() - text.value.trim_start_matches('\n').len();
    let before = text.value.get(blank..offset).unwrap_or_default();
    let line = u32::try_from(before.matches('\n').count()).unwrap_or(0);
    Position::new(text.position.line.saturating_add(line), text.position.column)
}

fn trimmed(query: &str) -> &str {
    query.trim_end().trim_start_matches(['\n', '\r'])
}

/// Whether a definition is for pgbouncer's console.
pub(crate) fn is_console(collector: &Collector) -> bool {
    collector.has_tag(&Tag::Pgbouncer)
}
