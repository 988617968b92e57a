//! Definitions as they are written: values are typed, nothing is resolved, everything has its place.

use crate::Usage;
use crate::place::{At, Spot};

/// One entry of a file: a definition, or a tuning when it has no `query`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) branch: String,
    pub(crate) spot: Spot,
    pub(crate) name: Option<At<String>>,
    pub(crate) desc: Option<At<String>>,
    pub(crate) query: Option<At<String>>,
    pub(crate) predicates: Option<At<Vec<Predicate>>>,
    pub(crate) tags: Option<At<Vec<At<String>>>>,
    pub(crate) ttl: Option<At<f64>>,
    pub(crate) timeout: Option<At<f64>>,
    pub(crate) min_version: Option<At<i64>>,
    pub(crate) max_version: Option<At<i64>>,
    pub(crate) fatal: Option<At<bool>>,
    pub(crate) skip: Option<At<bool>>,
    pub(crate) priority: Option<At<i64>>,
    pub(crate) max_series: Option<At<i64>>,
    pub(crate) max_stale: Option<At<f64>>,
    pub(crate) columns: Option<At<Vec<Column>>>,
    /// Whether a mistake has been reported in it: then what it lacks is no news.
    pub(crate) broken: bool,
}

/// One of `predicate_queries`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Predicate {
    pub(crate) spot: Spot,
    pub(crate) name: Option<At<String>>,
    pub(crate) query: Option<At<String>>,
    pub(crate) ttl: Option<At<f64>>,
    /// Whether a mistake has been reported in it.
    pub(crate) broken: bool,
}

/// One of `metrics`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Column {
    pub(crate) column: String,
    pub(crate) spot: Spot,
    pub(crate) usage: Option<At<Usage>>,
    pub(crate) rename: Option<At<String>>,
    pub(crate) description: Option<At<String>>,
    pub(crate) scale: Option<At<f64>>,
    pub(crate) default: Option<At<f64>>,
    pub(crate) bucket: Option<At<Vec<At<f64>>>>,
    /// Whether a mistake has been reported in it.
    pub(crate) broken: bool,
}
