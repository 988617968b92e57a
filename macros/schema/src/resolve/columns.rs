//! The columns of a definition: names, families, buckets.

use super::{Item, distinct};
use crate::place::{At, Place, Spot};
use crate::report::FileReport;
use crate::{Bucket, Column, Usage, raw, text};

/// Resolves `metrics` of a definition.
pub(crate) fn define(entry: &raw::Entry, item: &mut Item, report: &mut FileReport<'_>) {
    let Some(raws) = &entry.columns else {
        if !entry.broken {
            report.error(
                entry.spot,
                format!(
                    "`{}` has no `metrics`; list the columns of its query",
                    entry.branch
                ),
            );
        }
        return;
    };
    let prefix = valid_prefix(entry, &item.collector.name, report);
    let mut columns = Vec::with_capacity(raws.value.len());
    let mut has_value = false;
    for raw in &raws.value {
        if let Some(usage) = usage(raw, report) {
            has_value |= usage.is_value();
            columns.push(column(raw, usage, &prefix, report));
            item.columns.push(Place::new(&report.file, raw.spot));
        } else {
            has_value = true;
        }
    }
    if !has_value && !entry.broken {
        let message = format!(
            "`{}` has no metric column; give one the usage GAUGE, COUNTER or HISTOGRAM",
            entry.branch
        );
        report.error(raws.spot, message);
    }
    distinct::check(
        columns.iter().zip(item.columns.iter().map(|place| place.spot)),
        report,
    );
    item.collector.columns = columns.into();
}

/// The collector's name; another one when it cannot begin a name, so that its columns do not repeat the mistake.
fn valid_prefix(entry: &raw::Entry, name: &str, report: &mut FileReport<'_>) -> String {
    if text::is_metric_name(name) {
        return name.to_owned();
    }
    let spot = entry.name.as_ref().map_or(entry.spot, |name| name.spot);
    let message = format!("collector name `{name}` cannot begin a metric name; use letters, digits and `_`");
    report.error(spot, message);
    "x".to_owned()
}

fn usage(raw: &raw::Column, report: &mut FileReport<'_>) -> Option<Usage> {
    if raw.usage.is_none() && !raw.broken {
        let message = format!(
            "column `{}` lacks `usage`; write one of {}",
            raw.column,
            crate::keys::USAGES.join(", ")
        );
        report.error(raw.spot, message);
    }
    raw.usage.as_ref().map(|usage| usage.value)
}

fn column(raw: &raw::Column, usage: Usage, prefix: &str, report: &mut FileReport<'_>) -> Column {
    let help = given(raw.description.as_ref());
    let mut column = Column {
        column: raw.column.clone().into(),
        name: rendered(usage, prefix, given(raw.rename.as_ref()).unwrap_or(&raw.column)).into(),
        usage,
        help: help
            .map_or_else(|| plain_help(&raw.column, prefix), str::to_owned)
            .into(),
        scale: 1.0,
        default: None,
        buckets: Vec::new().into(),
        families: Vec::new().into(),
    };
    numbers(raw, &mut column, report);
    buckets(raw, &mut column, report);
    valid_name(
        &column,
        raw.rename.as_ref().map_or(raw.spot, |rename| rename.spot),
        report,
    );
    column.families = text::families(usage, &column.name, &column.help).into();
    column
}

/// A text that is not blank.
pub(crate) fn given(text: Option<&At<String>>) -> Option<&str> {
    text.map(|at| at.value.trim()).filter(|text| !text.is_empty())
}

/// Label name or metric name.
pub(crate) fn rendered(usage: Usage, prefix: &str, word: &str) -> String {
    if usage.is_value() {
        format!("{prefix}_{word}")
    } else {
        word.to_owned()
    }
}

/// The help of a column that nobody described.
pub(crate) fn plain_help(column: &str, collector: &str) -> String {
    format!("Column {column} of collector {collector}.")
}

/// Sets `scale` and `default` as far as they are given.
pub(crate) fn numbers(raw: &raw::Column, column: &mut Column, report: &mut FileReport<'_>) {
    for (key, number) in [("scale", &raw.scale), ("default", &raw.default)] {
        let Some(number) = number else { continue };
        if !column.usage.is_value() {
            let message = format!(
                "`{key}` has no effect on column `{}`, which carries no number",
                raw.column
            );
            report.warning(number.spot, message);
        } else if key == "scale" {
            column.scale = number.value;
        } else {
            column.default = Some(number.value);
        }
    }
}

/// Sets the buckets as far as they are given; a histogram needs some.
pub(crate) fn buckets(raw: &raw::Column, column: &mut Column, report: &mut FileReport<'_>) {
    let is_histogram = column.usage == Usage::Histogram;
    match &raw.bucket {
        Some(bucket) if !is_histogram => {
            let message = format!(
                "`bucket` has no effect on column `{}`, which is no HISTOGRAM",
                raw.column
            );
            report.finding(bucket.spot, message);
        }
        Some(bucket) => {
            increasing(&raw.column, bucket, raw.broken, report);
            let bucket = |bound: &At<f64>| Bucket {
                bound: bound.value,
                le: text::shortest(bound.value).into(),
            };
            column.buckets = raw
                .bucket
                .iter()
                .flat_map(|list| &list.value)
                .map(bucket)
                .collect::<Vec<_>>()
                .into();
        }
        None if is_histogram && column.buckets.is_empty() => {
            let message = format!(
                "histogram `{}` lacks `bucket`; write its bounds, such as [1, 10, 60]",
                raw.column
            );
            report.error(raw.spot, message);
        }
        None => {}
    }
}

fn increasing(column: &str, bounds: &At<Vec<At<f64>>>, broken: bool, report: &mut FileReport<'_>) {
    if bounds.value.is_empty() && !broken {
        let message =
            format!("`bucket` of `{column}` is empty; write at least one bound, +Inf is added by itself");
        report.error(bounds.spot, message);
    }
    for (lower, upper) in bounds.value.iter().zip(bounds.value.iter().skip(1)) {
        if lower.value >= upper.value {
            let (lower, bound) = (lower.value, upper.value);
            let message =
                format!("bound {bound} of `{column}` is not above {lower}; sort the bounds, each once");
            report.error(upper.spot, message);
        }
    }
}

pub(crate) fn valid_name(column: &Column, spot: Spot, report: &mut FileReport<'_>) {
    let name = &column.name;
    match column.usage {
        Usage::Discard => {}
        Usage::Label if name.starts_with("__") => {
            report.error(
                spot,
                format!("label `{name}` is reserved; write `rename` with a name without `__` before it"),
            );
        }
        Usage::Label if !text::is_label_name(name) => {
            report.error(
                spot,
                format!("`{name}` is no label name; write `rename` with letters, digits and `_`"),
            );
        }
        Usage::Label => {}
        _ if !text::is_metric_name(name) => {
            report.error(
                spot,
                format!("`{name}` is no metric name; write `rename` with letters, digits and `_`"),
            );
        }
        _ => {}
    }
}
