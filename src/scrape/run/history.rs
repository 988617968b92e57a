//! What is remembered of the past, for people: the last runs, the last durations of a collector.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

/// Runs remembered: at a scrape every 15 s, half an hour.
pub const RUNS: usize = 120;
/// Executions remembered of each collector on each database.
pub const EXECUTIONS: usize = 24;

/// The last `N` of something, oldest first.
#[derive(Clone, Debug)]
pub struct Ring<T, const N: usize> {
    items: VecDeque<T>,
}

impl<T, const N: usize> Default for Ring<T, N> {
    fn default() -> Self {
        // Nothing is allocated before something is remembered.
        Self {
            items: VecDeque::new(),
        }
    }
}

impl<T: Copy, const N: usize> Ring<T, N> {
    /// Remembers it, and forgets the oldest if need be.
    pub fn push(&mut self, item: T) {
        if self.items.len() >= N {
            self.items.pop_front();
        }
        self.items.push_back(item);
    }

    /// The last one.
    #[must_use]
    pub fn last(&self) -> Option<T> {
        self.items.back().copied()
    }

    /// All of it, oldest first.
    #[must_use]
    pub fn to_vec(&self) -> Vec<T> {
        self.items.iter().copied().collect()
    }
}

/// One run over all databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// When it ended.
    pub ended: SystemTime,
    /// What it took.
    pub took: Duration,
    /// Whether the target was up by its end.
    pub up: bool,
    /// Executions of collectors that failed in it.
    pub failures: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first() {
        let mut ring = Ring::<u8, 3>::default();
        assert_eq!(ring.to_vec(), [0; 0]);
        (1..=5).for_each(|item| ring.push(item));
        assert_eq!(ring.to_vec(), [3, 4, 5]);
    }
}
