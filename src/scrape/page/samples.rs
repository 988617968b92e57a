//! Encoded samples of one collector on one database: lines of the page, without heads.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::held::Share;

/// One collector's series on one database. Cheap to clone and to serve again.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// Differs for each encoded result of the process; 0 is empty.
    pub id: u64,
    /// One per family of the definition, in its order.
    pub families: Vec<FamilyLines>,
    /// All lines, family after family.
    pub bytes: Bytes,
    /// Number of series.
    pub series: u64,
    /// Series dropped because another row had the same labels.
    pub duplicates: u64,
    /// Series dropped because of `max_series`.
    pub over_limit: u64,
    /// Their part of what all results may have.
    pub share: Arc<Share>,
}

/// The lines of one family.
#[derive(Clone, Debug, Default)]
pub struct FamilyLines {
    /// Where they are in [`Samples::bytes`].
    pub range: Range<usize>,
    /// Lines per entry: 1, or the number of a histogram's buckets.
    pub stride: usize,
    /// A hash of each entry's labels, in the order of the lines. Families of the same rows share it.
    pub keys: Arc<[u64]>,
}

/// Whether a key occurs twice. Sorting is cheaper here than a set, and the answer is no as a rule.
#[must_use]
pub fn has_repeats(keys: impl Iterator<Item = u64>) -> bool {
    let mut sorted: Vec<u64> = keys.collect();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair.first() == pair.last())
}
