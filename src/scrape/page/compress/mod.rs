//! Compressed pages, put together from segments that were compressed apart.
//!
//! A segment refers to nothing before it, so a page of unchanged and changed blocks is compressed only where it changed, and
//! what stays as it is for long is compressed once more, densely, on another thread (`kept`).

mod codec;
pub(in crate::scrape) mod gzip;
pub(in crate::scrape) mod kept;
pub(in crate::scrape) mod zstd;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use bytes::Bytes;

pub(in crate::scrape) use codec::Codec;
use kept::{Kept, Work};

/// The compressors of a thread. A page is made in one go, so all targets there use the same ones: the tables of each take several
/// hundred kilobytes.
#[derive(Clone, Debug, Default)]
pub(in crate::scrape) struct Compressors(Rc<RefCell<OfEachKind>>);

#[derive(Debug, Default)]
struct OfEachKind {
    gzip: gzip::Compressor,
    zstd: zstd::Compressor,
}

impl Compressors {
    /// Does something with the one for gzip.
    pub(in crate::scrape) fn gzip<T>(&self, with: impl FnOnce(&mut gzip::Compressor) -> T) -> T {
        with(&mut self.0.borrow_mut().gzip)
    }

    /// Does something with the one for zstd.
    pub(in crate::scrape) fn zstd<T>(&self, with: impl FnOnce(&mut zstd::Compressor) -> T) -> T {
        with(&mut self.0.borrow_mut().zstd)
    }
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
