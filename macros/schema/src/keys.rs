//! The words of the language: what the parser knows and the JSON Schema describes.

/// A key of a map.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) takes: Takes,
    /// Whether an entry without `query` may set it.
    pub(crate) tunable: bool,
    pub(crate) doc: &'static str,
}

/// What a key's value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// A text for people.
    Text,
    /// What begins the names of metrics.
    Prefix,
    /// What names a metric behind its prefix, or a label.
    Name,
    Statement,
    Tags,
    Number,
    /// A number that is not negative.
    Seconds,
    Whole,
    /// A whole number that is not negative.
    Count,
    Boolean,
    Usage,
    Numbers,
    Predicates,
    Columns,
}

/// The values of `usage`.
pub(crate) const USAGES: [&str; 5] = ["LABEL", "GAUGE", "COUNTER", "HISTOGRAM", "DISCARD"];

/// Those that make metrics.
pub(crate) const VALUES: [&str; 3] = ["GAUGE", "COUNTER", "HISTOGRAM"];

pub(crate) const COLLECTOR: &[Key] = &[
    fixed(
        "name",
        Takes::Prefix,
        "Collector name, the prefix of its metrics; the branch's key when absent.",
    ),
    fixed("desc", Takes::Text, "What it collects, for people."),
    fixed(
        "query",
        Takes::Statement,
        "One SQL statement, or one pgbouncer command.",
    ),
    fixed(
        "predicate_queries",
        Takes::Predicates,
        "All must return one true before the query is run.",
    ),
    tunable("tags", Takes::Tags, "Where it is installed; all must pass."),
    tunable(
        "ttl",
        Takes::Seconds,
        "Seconds for which a result is served again.",
    ),
    tunable(
        "timeout",
        Takes::Number,
        "Seconds the statement may take; 0 is 0.1, negative is none.",
    ),
    tunable(
        "min_version",
        Takes::Count,
        "First server version it is for (140000); 0 is open.",
    ),
    tunable(
        "max_version",
        Takes::Count,
        "First server version it is no longer for; 0 is open.",
    ),
    tunable(
        "fatal",
        Takes::Boolean,
        "Whether its failure means that the target is down.",
    ),
    tunable("skip", Takes::Boolean, "Whether it is defined but not run."),
    tunable(
        "priority",
        Takes::Whole,
        "Order of execution, lowest first; 0 is 100 plus the rank of its file.",
    ),
    tunable(
        "max_series",
        Takes::Count,
        "Series above this number are dropped and counted; 0 is no limit.",
    ),
    tunable(
        "max_stale",
        Takes::Seconds,
        "Seconds for which the last good result is served after failures.",
    ),
    tunable(
        "metrics",
        Takes::Columns,
        "The columns of its result, each a map of one column to its properties.",
    ),
];

pub(crate) const PREDICATE: &[Key] = &[
    fixed("name", Takes::Text, "Name for messages."),
    fixed(
        "predicate_query",
        Takes::Statement,
        "A statement of one row and one boolean column.",
    ),
    fixed(
        "ttl",
        Takes::Seconds,
        "Seconds for which an answer holds; 0 is asked for at each execution.",
    ),
];

pub(crate) const COLUMN: &[Key] = &[
    fixed("usage", Takes::Usage, "What becomes of the column."),
    tunable(
        "rename",
        Takes::Name,
        "Metric suffix or label name in place of the column's name.",
    ),
    tunable("description", Takes::Text, "Help text."),
    tunable("scale", Takes::Number, "Factor on each value."),
    tunable("default", Takes::Number, "What a NULL stands for, before scale."),
    tunable(
        "bucket",
        Takes::Numbers,
        "A histogram's finite bounds, strictly increasing.",
    ),
];

/// The names of some keys.
pub(crate) fn names(keys: &'static [Key]) -> impl Iterator<Item = &'static str> {
    keys.iter().map(|key| key.name)
}

const fn fixed(name: &'static str, takes: Takes, doc: &'static str) -> Key {
    Key {
        name,
        takes,
        tunable: false,
        doc,
    }
}

const fn tunable(name: &'static str, takes: Takes, doc: &'static str) -> Key {
    Key {
        name,
        takes,
        tunable: true,
        doc,
    }
}
