//! How much memory the lines of results take, all of them together.
//!
//! Each result has a share of one budget for as long as somebody has it, be it a client's page. One for which nothing is left fails with the reason
//! `too_large`, whatever its own size: many that are each within their bound would end the process together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What all results of a target have together, in bytes.
#[derive(Clone, Debug, Default)]
pub(in crate::scrape) struct Held(Arc<AtomicUsize>);

/// One result's part of it, given back when the last who has the result drops it.
#[derive(Debug, Default)]
pub struct Share {
    held: Held,
    bytes: usize,
}

impl Held {
    /// A share of nothing, which may grow.
    pub(in crate::scrape) fn share(&self) -> Share {
        Share {
            held: self.clone(),
            bytes: 0,
        }
    }

    /// Bytes that are held now.
    pub(in crate::scrape) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Share {
    /// Makes it that large, unless all shares together would be larger than `most`: whether it is.
    pub(in crate::scrape) fn resize(&mut self, bytes: usize, most: usize) -> bool {
        let others = self.held.bytes().saturating_sub(self.bytes);
        if bytes > self.bytes && others.saturating_add(bytes) > most {
            return false;
        }
        // On the scrape thread alone they grow; shares that are given back elsewhere only make room.
        if bytes > self.bytes {
            self.held.0.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        } else {
            self.held.0.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.held.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_one_whole() {
        let held = Held::default();
        let (mut one, mut other) = (held.share(), held.share());
        assert!(one.resize(60, 100) && other.resize(40, 100));
        assert!(!other.resize(41, 100) && !one.resize(61, 100));
        assert!(other.resize(10, 100) && one.resize(90, 100));
        assert_eq!(held.bytes(), 100);
        assert!(other.resize(5, 50), "less is always possible");
        drop(one);
        assert_eq!(held.bytes(), 5);
        assert!(other.resize(100, 100));
        drop(other);
        assert_eq!(held.bytes(), 0);
    }
}
