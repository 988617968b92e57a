//! A part of a page as a list of chunks.

use bytes::{Bytes, BytesMut};

/// What is below this size is copied together with its neighbours: on its own it would cost more.
const SMALL: usize = 8 * 1024;

/// Collects chunks; small ones are copied together, large ones are taken as they are.
#[derive(Debug, Default)]
pub(in crate::scrape) struct Chunks {
    chunks: Vec<Bytes>,
    tail: BytesMut,
}

impl Chunks {
    /// Copies.
    pub(in crate::scrape) fn push(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
    }

    /// Takes parts, by reference if they are large.
    pub(in crate::scrape) fn push_all(&mut self, parts: &[Bytes]) {
        for bytes in parts {
            if bytes.len() < SMALL {
                self.push(bytes);
            } else {
                self.flush();
                self.chunks.push(bytes.clone());
            }
        }
    }

    fn flush(&mut self) {
        if !self.tail.is_empty() {
            // An exact copy: the buffer's spare room would be kept as long as the chunk.
            self.chunks.push(Bytes::copy_from_slice(&self.tail));
            self.tail.clear();
        }
    }

    /// The chunks.
    pub(in crate::scrape) fn finish(mut self) -> Vec<Bytes> {
        self.flush();
        self.chunks
    }
}
