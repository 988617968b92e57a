//! The columns of a definition: names, families, buckets.

use super::item::Item;
use super::set::{Context, set};
use super::{distinct, names};
use crate::language::key::Takes;
use crate::language::usage;
use crate::model::{Column, Usage};
use crate::read::given::{Entry, Given, GivenColumn, Pair, Written};
use crate::read::position::{Location, Position};
use crate::read::report::FileReport;
use crate::read::value::is_template;

/// Resolves `metrics` of a definition.
pub(crate) fn define(entry: &Entry, item: &mut Item, report: &mut FileReport<'_>) {
    let is_skipped = item.collector.skip;
    let Some((pair, written)) = entry.columns() else {
        let message = format!(
            "`{}` has no `metrics`; list the columns of its query",
            entry.branch
        );
        yields_nothing(&message, entry, entry.given.position, is_skipped, report);
        return;
    };
    let prefix = valid_prefix(entry, &item.collector.name, report);
    let mut columns = Vec::with_capacity(written.len());
    let mut has_value = false;
    for one in written {
        if let Some(usage) = usage_of(one, report) {
            has_value |= usage.is_value();
            columns.push(column(one, usage, &prefix, report));
            item.columns.push(Location::new(&report.file, one.given.position));
        } else {
            has_value = true;
        }
    }
    if !has_value {
        let message = format!(
            "`{}` has no metric column; give one the usage GAUGE, COUNTER or HISTOGRAM",
            entry.branch
        );
        yields_nothing(&message, entry, pair.key_position, is_skipped, report);
    }
    let positions = item.columns.iter().map(|location| location.position);
    distinct::check(columns.iter().zip(positions), report);
    item.collector.columns = columns.into();
}

/// A mistake, but of what is not run it is only worth a look.
fn yields_nothing(message: &str, entry: &Entry, at: Position, is_skipped: bool, report: &mut FileReport<'_>) {
    if is_skipped {
        report.warning(at, message);
    } else if !entry.given.broken {
        report.error(at, message);
    }
}

/// The collector's name; another one when it cannot begin a name, so that its columns do not repeat the mistake.
fn valid_prefix(entry: &Entry, name: &str, report: &mut FileReport<'_>) -> String {
    if names::is_metric_name(name) {
        return name.to_owned();
    }
    let given = entry.given.pair("name");
    let position = given.map_or(entry.given.position, |name| name.position);
    let instead = match is_template(name) {
        true => "render the template first",
        false => "use letters, digits and `_`",
    };
    let message = format!("collector name `{name}` cannot begin a metric name; {instead}");
    report.error(position, message);
    "x".to_owned()
}

fn usage_of(column: &GivenColumn, report: &mut FileReport<'_>) -> Option<Usage> {
    let usage = given_usage(&column.given).map(|(_, usage)| usage);
    if usage.is_none() && !column.given.broken {
        let message = format!(
            "column `{}` lacks `usage`; write one of {}",
            column.column,
            usage::all().join(", ")
        );
        report.error(column.given.position, message);
    }
    usage
}

/// The usage that is written, and where.
pub(crate) fn given_usage(given: &Given<Column>) -> Option<(&Pair<Column>, Usage)> {
    given.pairs.iter().find_map(|pair| match pair.value {
        Written::Usage(usage) => Some((pair, usage)),
        _ => None,
    })
}

fn column(written: &GivenColumn, usage: Usage, prefix: &str, report: &mut FileReport<'_>) -> Column {
    let mut column = Column {
        column: written.column.clone().into(),
        name: rendered(usage, prefix, &written.column).into(),
        usage,
        ..Column::default()
    };
    properties(written, &mut column, prefix, report);
    let is_named = written
        .given
        .pairs
        .iter()
        .any(|pair| matches!(pair.key.takes, Takes::Suffix | Takes::Metric));
    if !is_named {
        valid_name(&column, written.given.position, report);
    }
    let is_bounded = written.given.broken || written.given.pair("bucket").is_some();
    if usage == Usage::Histogram && !is_bounded {
        let message = format!(
            "histogram `{}` lacks `bucket`; write its bounds, such as [1, 10, 60]",
            written.column
        );
        report.error(written.given.position, message);
    }
    column
}

/// Sets what is written of a column, whether it is defined or tuned, and makes its texts anew.
pub(crate) fn properties(
    written: &GivenColumn,
    column: &mut Column,
    prefix: &str,
    report: &mut FileReport<'_>,
) {
    let context = Context {
        owner: &written.column,
        rank: 0,
    };
    for pair in &written.given.pairs {
        match (&pair.key.takes, &pair.value) {
            (Takes::Suffix, Written::Text(word)) => rename(word, pair.position, column, prefix, report),
            (Takes::Metric, Written::Text(name)) if has_effect(pair, column, report) => {
                whole(name, pair.position, written, column, report);
            }
            (Takes::Text(_), Written::Text(text)) if text.trim().is_empty() => {}
            (Takes::Usage(_), _) => {}
            _ if has_effect(pair, column, report) => set(pair, column, context, report),
            _ => {}
        }
    }
    if column.help.is_empty() {
        column.help = format!("Column {} of collector {prefix}.", column.column).into();
    }
    column.families = names::families(column.usage, &column.name, &column.help).into();
}

/// An empty `rename` gives a column its own name back.
fn rename(word: &str, at: Position, column: &mut Column, prefix: &str, report: &mut FileReport<'_>) {
    let word = Some(word.trim())
        .filter(|word| !word.is_empty())
        .unwrap_or(&column.column);
    column.name = rendered(column.usage, prefix, word).into();
    valid_name(column, at, report);
}

/// Whatever the collector is called, the metric has that name.
fn whole(name: &str, at: Position, written: &GivenColumn, column: &mut Column, report: &mut FileReport<'_>) {
    let name = name.trim();
    if name.is_empty() {
        return;
    }
    if written.given.pair("rename").is_some() {
        let message = format!(
            "`metric` of column `{}` is a whole name, beside which `rename` has no effect; remove one",
            column.column
        );
        report.error(at, message);
    }
    if !names::is_metric_name(name) {
        report.error(
            at,
            format!("`{name}` is no metric name; write `metric` with letters, digits and `_`"),
        );
    }
    column.name = name.to_owned().into();
}

/// Label name or metric name.
fn rendered(usage: Usage, prefix: &str, word: &str) -> String {
    if usage.is_value() {
        format!("{prefix}_{word}")
    } else {
        word.to_owned()
    }
}

/// Whether a property means something for a column of that usage.
fn has_effect(pair: &Pair<Column>, column: &Column, report: &mut FileReport<'_>) -> bool {
    let (key, name) = (pair.key.name, &column.column);
    match pair.key.takes {
        Takes::Factor(_) | Takes::Number(_) | Takes::Metric if !column.usage.is_value() => {
            let message = format!("`{key}` has no effect on column `{name}`, which carries no number");
            report.warning(pair.position, message);
            false
        }
        Takes::Bounds(_) if column.usage != Usage::Histogram => {
            let message = format!("`{key}` has no effect on column `{name}`, which is no HISTOGRAM");
            report.finding(pair.position, message);
            false
        }
        _ => true,
    }
}

fn valid_name(column: &Column, position: Position, report: &mut FileReport<'_>) {
    let name = &column.name;
    let advice = match column.usage {
        Usage::Label if name.starts_with("__") => {
            format!("label `{name}` is reserved; write `rename` with a name without `__` before it")
        }
        Usage::Label if !names::is_label_name(name) => {
            format!("`{name}` is no label name; write `rename` with letters, digits and `_`")
        }
        Usage::Gauge | Usage::Counter | Usage::Histogram if !names::is_metric_name(name) => {
            format!("`{name}` is no metric name; write `rename` with letters, digits and `_`")
        }
        _ => return,
    };
    report.error(position, advice);
}
