//! The labels of a batch's rows as they stand on the page.

use std::collections::HashSet;

use super::samples::has_repeats;

/// The label blocks of a batch's rows that are served.
#[derive(Debug, Default)]
pub(in crate::scrape) struct Blocks {
    /// Row numbers in the batch.
    pub(in crate::scrape) rows: Vec<usize>,
    /// `{a="x",b="y"}` of each, or nothing.
    pub(in crate::scrape) text: Vec<u8>,
    pub(in crate::scrape) ends: Vec<usize>,
    /// A hash of each label block.
    pub(in crate::scrape) keys: Vec<u64>,
}

impl Blocks {
    /// The label block of the row at that place.
    pub(in crate::scrape) fn get(&self, at: usize) -> &[u8] {
        let start = at
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .copied()
            .unwrap_or(0);
        let end = self.ends.get(at).copied().unwrap_or(start);
        self.text.get(start..end).unwrap_or_default()
    }

    /// Row numbers and label blocks, in order.
    pub(in crate::scrape) fn iter(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.rows.iter().enumerate().map(|(at, row)| (*row, self.get(at)))
    }

    /// Without the rows whose labels an earlier row has.
    pub(in crate::scrape) fn distinct(self) -> Self {
        if !has_repeats(self.keys.iter().copied()) {
            return self;
        }
        let mut seen = HashSet::with_capacity(self.rows.len());
        let mut distinct = Self::default();
        for ((row, block), key) in self.iter().zip(&self.keys) {
            if seen.insert(*key) {
                distinct.rows.push(row);
                distinct.text.extend_from_slice(block);
                distinct.ends.push(distinct.text.len());
                distinct.keys.push(*key);
            }
        }
        distinct
    }
}
