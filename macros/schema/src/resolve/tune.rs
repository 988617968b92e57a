//! An entry without a query changes what is there.

use super::item::Item;
use super::statement::is_console;
use super::{columns, distinct, settings};
use crate::language::collector;
use crate::language::near::did_you_mean;
use crate::model::Column;
use crate::read::given::{Entry, GivenColumn};
use crate::read::position::Location;
use crate::read::report::FileReport;

/// Applies a tuning to every branch it means.
pub(crate) fn apply(entry: &Entry, rank: usize, items: &mut [&mut Item], report: &mut FileReport<'_>) {
    fixed_keys(entry, report);
    let before = report.errors();
    for item in items.iter_mut() {
        item.touched = true;
        let was_console = is_console(&item.collector);
        settings::apply(entry, rank, item, report);
        if is_console(&item.collector) != was_console {
            other_target(entry, report);
        }
        if report.errors() > before {
            // The next branch would only repeat it.
            break;
        }
    }
    let Some((_, written)) = entry.columns() else {
        return;
    };
    for one in written {
        tune_column(one, &entry.branch, items, report);
    }
    for item in items.iter() {
        // What was tuned comes last, so that a clash is shown there.
        let all = item.collector.columns.iter().zip(item.columns.iter());
        let is_tuned = |column: &Column| written.iter().any(|one| one.column == column.column);
        let (tuned, rest): (Vec<_>, Vec<_>) = all.partition(|(column, _)| is_tuned(column));
        let positions = rest.iter().chain(&tuned);
        distinct::check(
            positions.map(|(column, location)| (*column, location.position)),
            report,
        );
    }
}

/// A statement for PostgreSQL means nothing to pgbouncer's console, nor the other way round.
fn other_target(entry: &Entry, report: &mut FileReport<'_>) {
    let mut pairs = entry.given.pairs.iter();
    if let Some(tags) = pairs.find(|pair| pair.key.name == "tags") {
        let message = "an entry without `query` cannot take a collector from PostgreSQL to pgbouncer or back; keep its tag \
                       `pgbouncer` as it is, or add `query` to define it anew";
        report.error(tags.position, message.to_owned());
    }
}

fn fixed_keys(entry: &Entry, report: &mut FileReport<'_>) {
    let tunable: Vec<_> = collector::KEYS
        .iter()
        .filter(|key| key.is_tunable())
        .map(|key| key.name)
        .collect();
    for pair in entry.given.pairs.iter().filter(|pair| !pair.key.is_tunable()) {
        let message = format!(
            "an entry without `query` cannot set `{}`, only {}; add `query` to define it anew",
            pair.key.name,
            tunable.join(", ")
        );
        report.error(pair.position, message);
    }
}

/// A column need not be in every branch of a collector, but in one.
fn tune_column(written: &GivenColumn, branch: &str, items: &mut [&mut Item], report: &mut FileReport<'_>) {
    let mut matched = false;
    for item in items.iter_mut() {
        let prefix = item.collector.name.clone();
        let columns = item.collector.columns.to_mut().iter_mut().zip(&mut item.columns);
        let Some((column, location)) = columns
            .into_iter()
            .find(|(column, _)| column.column == written.column)
        else {
            continue;
        };
        *location = Location::new(&report.file, written.given.position);
        let before = report.errors();
        change(written, column, &prefix, report);
        matched = true;
        if report.errors() > before {
            return;
        }
    }
    if !matched {
        let known = items.iter().flat_map(|item| item.collector.columns.iter());
        let hint = did_you_mean(&written.column, known.map(|column| column.column.as_ref()));
        let hint = if hint.is_empty() { "; remove it" } else { &hint };
        report.error(
            written.given.position,
            format!("`{branch}` has no column `{}` to tune{hint}", written.column),
        );
    }
}

fn change(written: &GivenColumn, column: &mut Column, prefix: &str, report: &mut FileReport<'_>) {
    if let Some((pair, usage)) = columns::given_usage(&written.given)
        && usage != column.usage
    {
        let message = format!(
            "the usage of column `{}` cannot be tuned; remove `usage`",
            written.column
        );
        report.error(pair.position, message);
    }
    columns::properties(written, column, prefix, report);
}
