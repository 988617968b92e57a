//! The properties of a column.

use super::key::{Key, Takes, field};
use crate::model::Column;

pub(crate) static KEYS: &[Key<Column>] = &[
    Key::needed(
        "usage",
        Takes::Usage(field!(usage)),
        "What becomes of the column.",
    ),
    Key::tunable(
        "rename",
        Takes::Suffix,
        "Metric suffix or label name in place of the column's name.",
    ),
    Key::fixed(
        "metric",
        Takes::Metric,
        "Whole name of the metric, in place of the collector's name, `_` and the column's.",
    ),
    Key::tunable("description", Takes::Text(field!(help)), "Help text."),
    Key::tunable("scale", Takes::Factor(field!(scale)), "Factor on each value."),
    Key::tunable(
        "default",
        Takes::Number(field!(default)),
        "What a NULL stands for, before scale; without it NULL is NaN.",
    ),
    Key::tunable(
        "bucket",
        Takes::Bounds(field!(buckets)),
        "A histogram's finite bounds, strictly increasing. Every row is one observation.",
    ),
];
