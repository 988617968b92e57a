//! Compressed pages, put together from segments that were compressed apart.
//!
//! A segment refers to nothing before it, so a page of unchanged and changed blocks is compressed only where it changed, and
//! what stays as it is for long is compressed once more, densely, on another thread (`kept`).

pub(in crate::scrape) mod gzip;
pub(in crate::scrape) mod kept;
pub(in crate::scrape) mod zstd;

use std::fmt::Debug;
use std::io;

use bytes::Bytes;

use kept::{Kept, Work};

/// A way to compress whose output can be put together.
pub(in crate::scrape) trait Codec: Default {
    /// Compressed data of a part of the page, cheap to clone.
    type Segment: Clone + Debug + Send + Sync + 'static;

    /// Bytes of plain text that are a segment of their own, about. Less of it changes at a time where it is small; more
    /// of it repeats where it is large.
    const BLOCK: usize;

    /// One that takes its time for the least that comes out. The default one is for what may have changed by the next page.
    fn dense() -> Self;

    /// Compresses the chunks as one segment.
    ///
    /// # Errors
    /// When the compressor cannot get the memory it needs.
    fn segment(&mut self, chunks: &[Bytes]) -> io::Result<Self::Segment>;

    /// Compresses what many collectors have of a little each, and the exporter itself: as a rule so short that it may take longer.
    ///
    /// # Errors
    /// When the compressor cannot get the memory it needs.
    fn segment_of_many(&mut self, chunks: &[Bytes]) -> io::Result<Self::Segment> {
        self.segment(chunks)
    }

    /// The stream of the segments' data, one behind the other.
    fn join(segments: Vec<Self::Segment>) -> Vec<Bytes>;
}

/// A stream in the making.
#[derive(Debug)]
pub(in crate::scrape) struct Stream<'a, C: Codec> {
    codec: &'a mut C,
    segments: Vec<C::Segment>,
    /// What will be the next segment. A segment costs the clearing of tables of the compressor, which is more than
    /// compressing a small collector's lines, so these share one.
    loose: Vec<Bytes>,
    work: Work<C>,
}

/// A stream that is made, and what is worth compressing once more.
#[derive(Debug)]
pub(in crate::scrape) struct Made<C: Codec> {
    pub(in crate::scrape) chunks: Vec<Bytes>,
    pub(in crate::scrape) work: Work<C>,
}

impl<'a, C: Codec> Stream<'a, C> {
    /// An empty stream.
    pub(in crate::scrape) fn new(codec: &'a mut C) -> Self {
        Self {
            codec,
            segments: Vec::new(),
            loose: Vec::new(),
            work: Work::default(),
        }
    }

    /// Adds a chunk that is compressed each time.
    pub(in crate::scrape) fn push(&mut self, chunk: Bytes) {
        self.loose.push(chunk);
    }

    /// Adds chunks as the segments that were kept from an earlier stream, as far as they are the same, and keeps the others.
    pub(in crate::scrape) fn push_kept(&mut self, chunks: &[Bytes], kept: &mut Kept<C>) -> io::Result<()> {
        if !self.loose.is_empty() {
            self.end_segment()?;
        }
        kept.bring_up_to_date(chunks, self.codec)?;
        self.segments.extend(kept.segments(&mut self.work));
        Ok(())
    }

    fn end_segment(&mut self) -> io::Result<()> {
        self.segments.push(self.codec.segment_of_many(&self.loose)?);
        self.loose.clear();
        Ok(())
    }

    /// The whole stream, in chunks.
    pub(in crate::scrape) fn finish(mut self) -> io::Result<Made<C>> {
        // Nothing at all is a segment too: not every decoder takes no data for an empty stream.
        if !self.loose.is_empty() || self.segments.is_empty() {
            self.end_segment()?;
        }
        Ok(Made {
            chunks: C::join(self.segments),
            work: self.work,
        })
    }
}

#[cfg(test)]
mod tests;
