//! What answers hold until their clients have taken them: one bound for all clients together.
//!
//! A page of 10 MB that nobody takes is 10 MB until its client is given up. A hundred such clients would be a gigabyte, so
//! what they hold is counted by the piece: pieces that several answers share, as those of one scrape do, count once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Bytes of an answer that is not counted. A client of HTTP/2 may leave as many as 32 of them on each connection.
const SMALL: u64 = 1024;

/// The pieces that clients have not taken yet.
#[derive(Default)]
pub struct Held(Mutex<Pieces>);

#[derive(Default)]
struct Pieces {
    /// By address, since the same bytes of several answers are there once: how often.
    holders: HashMap<usize, usize>,
    bytes: usize,
}

/// So much is held that one more answer is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// A piece of an answer, counted until it is dropped.
struct Piece {
    bytes: Bytes,
    held: Arc<Held>,
}

impl Held {
    /// The pieces of an answer, counted until each is taken or given up.
    ///
    /// # Errors
    /// When others hold `most` bytes or more. An answer by itself may be of any size.
    pub(super) fn take(self: &Arc<Self>, pieces: Vec<Bytes>, most: usize) -> Result<Vec<Bytes>, Full> {
        let mut state = self.state();
        let is_held = |piece: &Bytes| piece.is_empty() || state.holders.contains_key(&address(piece));
        if state.bytes >= most && !pieces.iter().all(is_held) {
            return Err(Full);
        }
        let pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
        let counted = pieces.map(|bytes| {
            state.add(&bytes);
            let held = Arc::clone(self);
            Bytes::from_owner(Piece { bytes, held })
        });
        Ok(counted.collect())
    }

    /// Whether an answer of so many bytes is counted.
    pub(super) fn counts(length: u64) -> bool {
        length > SMALL
    }

    fn state(&self) -> MutexGuard<'_, Pieces> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pieces {
    fn add(&mut self, piece: &Bytes) {
        let holders = self.holders.entry(address(piece)).or_insert(0);
        if *holders == 0 {
            self.bytes += piece.len();
        }
        *holders += 1;
    }

    fn remove(&mut self, piece: &Bytes) {
        if let Entry::Occupied(mut entry) = self.holders.entry(address(piece)) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
                self.bytes = self.bytes.saturating_sub(piece.len());
            }
        }
    }
}

fn address(piece: &Bytes) -> usize {
    piece.as_ptr().addr()
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.held.state().remove(&self.bytes);
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({} bytes)", self.state().bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn page(length: usize) -> Vec<Bytes> {
        vec![vec![b'x'; length].into(), Bytes::new(), vec![b'y'; length].into()]
    }

    #[test]
    fn one_bound_for_all() {
        let held = Arc::new(Held::default());
        let first = held.take(page(50), 100).unwrap();
        assert_eq!((first.len(), held.state().bytes), (2, 100));
        assert_eq!(held.take(page(1), 100), Err(Full));
        drop(first);
        assert_eq!(held.state().bytes, 0);
        let large = held.take(page(5000), 100).unwrap();
        assert_eq!((large.concat().len(), held.state().bytes), (10_000, 10_000));
    }

    #[test]
    fn the_same_page_counts_once() {
        let held = Arc::new(Held::default());
        let page = page(50);
        let first = held.take(page.clone(), 100).unwrap();
        let second = held.take(page, 100).unwrap();
        assert_eq!(held.state().bytes, 100);
        drop(first);
        assert_eq!(held.state().bytes, 100);
        drop(second);
        let state = held.state();
        assert_eq!((state.bytes, state.holders.len()), (0, 0));
    }
}
