//! Pass 3: an entry without a query changes what is there.

use crate::place::Place;
use crate::report::FileReport;
use crate::resolve::{Item, columns, distinct, settings};
use crate::{At, Column, keys, raw, text};

/// Applies a tuning to every branch it means.
pub(crate) fn apply(entry: &raw::Entry, rank: usize, items: &mut [&mut Item], report: &mut FileReport<'_>) {
    fixed_keys(entry, report);
    let before = report.errors();
    for item in items.iter_mut() {
        item.touched = true;
        settings::apply(entry, rank, item, report);
        if report.errors() > before {
            // The next branch would only repeat it.
            break;
        }
    }
    for raw in entry.columns.iter().flat_map(|columns| &columns.value) {
        tune_column(raw, entry, items, report);
    }
    for item in items.iter().filter(|_| entry.columns.is_some()) {
        // What was tuned comes last, so that a clash is shown there.
        let all = item.collector.columns.iter().zip(item.columns.iter());
        let (tuned, rest): (Vec<_>, Vec<_>) = all.partition(|(column, _)| names_column(entry, column));
        let spotted = rest
            .iter()
            .chain(&tuned)
            .map(|(column, place)| (*column, place.spot));
        distinct::check(spotted, report);
    }
}

fn names_column(entry: &raw::Entry, column: &Column) -> bool {
    entry
        .columns
        .iter()
        .flat_map(|columns| &columns.value)
        .any(|raw| raw.column == column.column)
}

fn fixed_keys(entry: &raw::Entry, report: &mut FileReport<'_>) {
    let given = [
        ("name", entry.name.as_ref().map(|at| at.spot)),
        ("desc", entry.desc.as_ref().map(|at| at.spot)),
        ("predicate_queries", entry.predicates.as_ref().map(|at| at.spot)),
    ];
    for (key, spot) in given
        .into_iter()
        .filter_map(|(key, spot)| spot.map(|spot| (key, spot)))
    {
        let known = keys::COLLECTOR
            .iter()
            .filter(|key| key.tunable)
            .map(|key| key.name);
        let known = known.collect::<Vec<_>>().join(", ");
        let message = format!(
            "an entry without `query` cannot set `{key}`, only {known}; add `query` to define it anew"
        );
        report.error(spot, message);
    }
}

/// A column need not be in every branch of a collector, but in one.
fn tune_column(raw: &raw::Column, entry: &raw::Entry, items: &mut [&mut Item], report: &mut FileReport<'_>) {
    let mut matched = false;
    for item in items.iter_mut() {
        let prefix = item.collector.name.clone();
        let columns = item.collector.columns.to_mut();
        let Some(at) = columns.iter().position(|column| column.column == raw.column) else {
            continue;
        };
        let (Some(column), Some(place)) = (columns.get_mut(at), item.columns.get_mut(at)) else {
            continue;
        };
        *place = Place::new(&report.file, raw.spot);
        let before = report.errors();
        change(raw, column, &prefix, report);
        matched = true;
        if report.errors() > before {
            return;
        }
    }
    if !matched {
        let known = items
            .iter()
            .flat_map(|item| item.collector.columns.iter().map(|column| column.column.as_ref()));
        let hint = text::did_you_mean(&raw.column, known);
        let hint = if hint.is_empty() {
            "; remove it".to_owned()
        } else {
            hint
        };
        report.error(
            raw.spot,
            format!("`{}` has no column `{}` to tune{hint}", entry.branch, raw.column),
        );
    }
}

fn change(raw: &raw::Column, column: &mut Column, prefix: &str, report: &mut FileReport<'_>) {
    if let Some(usage) = raw.usage.as_ref().filter(|usage| usage.value != column.usage) {
        let message = format!(
            "the usage of column `{}` cannot be tuned; remove `usage`",
            raw.column
        );
        report.error(usage.spot, message);
    }
    if let Some(help) = columns::given(raw.description.as_ref()) {
        column.help = help.to_owned().into();
    }
    if let Some(rename) = &raw.rename {
        rename_column(rename, column, prefix, report);
    }
    columns::numbers(raw, column, report);
    columns::buckets(raw, column, report);
    column.families = text::families(column.usage, &column.name, &column.help).into();
}

/// An empty `rename` gives a column its own name back.
fn rename_column(rename: &At<String>, column: &mut Column, prefix: &str, report: &mut FileReport<'_>) {
    let word = columns::given(Some(rename)).unwrap_or(&column.column).to_owned();
    column.name = columns::rendered(column.usage, prefix, &word).into();
    columns::valid_name(column, rename.spot, report);
}
