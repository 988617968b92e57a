//! What a way to compress must be able to do.

use std::fmt::Debug;
use std::io;

use bytes::Bytes;

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

    /// The same with text that is another one on the next page, whatever happens: the less it costs, the better.
    ///
    /// # Errors
    /// As [`segment`](Self::segment).
    fn passing(&mut self, chunks: &[Bytes]) -> io::Result<Self::Segment> {
        self.segment(chunks)
    }

    /// The stream of the segments' data, one behind the other.
    fn join(segments: Vec<Self::Segment>) -> Vec<Bytes>;
}
