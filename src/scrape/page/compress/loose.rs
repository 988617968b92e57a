//! The segments of what is small, as they were on the page before: with results from the cache, most of them stay.

use std::io;

use bytes::Bytes;

use super::codec::Codec;

/// The segments of one page, by their place on it.
#[derive(Debug)]
pub(in crate::scrape) struct Loose<C: Codec> {
    known: Vec<(Vec<Bytes>, C::Segment)>,
    /// The place of the next.
    next: usize,
}

impl<C: Codec> Default for Loose<C> {
    fn default() -> Self {
        Self {
            known: Vec::new(),
            next: 0,
        }
    }
}

impl<C: Codec> Loose<C> {
    /// Another page begins.
    pub(super) fn begin(&mut self) {
        self.next = 0;
    }

    /// The segment of these chunks: that of the page before, if it had the same at this place.
    pub(super) fn segment(&mut self, chunks: Vec<Bytes>, codec: &mut C) -> io::Result<C::Segment> {
        let place = self.next;
        self.next += 1;
        if let Some((known, segment)) = self.known.get(place)
            && *known == chunks
        {
            return Ok(segment.clone());
        }
        let segment = codec.segment(&chunks)?;
        let entry = (chunks, segment.clone());
        match self.known.get_mut(place) {
            Some(known) => *known = entry,
            None => self.known.push(entry),
        }
        Ok(segment)
    }

    /// The page has come to its end.
    pub(super) fn end(&mut self) {
        self.known.truncate(self.next);
    }
}
