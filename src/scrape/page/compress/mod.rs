//! Compressed pages, put together from segments that were compressed apart.
//!
//! A segment refers to nothing before it, so a page of unchanged and changed blocks is compressed only where it changed, and
//! what stays as it is for long is compressed once more, densely, on another thread (`kept`).

mod codec;
pub(in crate::scrape) mod gzip;
pub(in crate::scrape) mod kept;
mod loose;
pub(in crate::scrape) mod zstd;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use bytes::Bytes;

pub(in crate::scrape) use codec::Codec;
use kept::{Kept, Work};
pub(in crate::scrape) use loose::Loose;

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
    next: Vec<Bytes>,
    loose: &'a mut Loose<C>,
    work: Work<C>,
}

/// A stream that is made, and what is worth compressing once more.
#[derive(Debug)]
pub(in crate::scrape) struct Made<C: Codec> {
    pub(in crate::scrape) chunks: Vec<Bytes>,
    pub(in crate::scrape) work: Work<C>,
}

impl<'a, C: Codec> Stream<'a, C> {
    /// An empty stream, behind one of which what is loose was kept.
    pub(in crate::scrape) fn new(codec: &'a mut C, loose: &'a mut Loose<C>) -> Self {
        loose.begin();
        Self {
            codec,
            segments: Vec::new(),
            next: Vec::new(),
            loose,
            work: Work::default(),
        }
    }

    /// Adds a small chunk, which is compressed with its neighbours.
    pub(in crate::scrape) fn push(&mut self, chunk: Bytes) {
        self.next.push(chunk);
    }

    /// Adds chunks that differ on every page, apart from what may stay as it is.
    pub(in crate::scrape) fn push_changing(&mut self, chunks: &[Bytes]) -> io::Result<()> {
        self.end_segment()?;
        self.segments.push(self.codec.passing(chunks)?);
        Ok(())
    }

    /// Adds chunks as the segments that were kept from an earlier stream, as far as they are the same, and keeps the others.
    pub(in crate::scrape) fn push_kept(&mut self, chunks: &[Bytes], kept: &mut Kept<C>) -> io::Result<()> {
        self.end_segment()?;
        kept.bring_up_to_date(chunks, self.codec)?;
        self.segments.extend(kept.segments(&mut self.work));
        Ok(())
    }

    fn end_segment(&mut self) -> io::Result<()> {
        let chunks = std::mem::take(&mut self.next);
        if chunks.is_empty() {
            return Ok(());
        }
        self.segments.push(self.loose.segment(chunks, self.codec)?);
        Ok(())
    }

    /// The whole stream, in chunks.
    pub(in crate::scrape) fn finish(mut self) -> io::Result<Made<C>> {
        // Nothing at all is a segment too: not every decoder takes no data for an empty stream.
        self.end_segment()?;
        if self.segments.is_empty() {
            self.segments.push(self.codec.segment(&[])?);
        }
        self.loose.end();
        Ok(Made {
            chunks: C::join(self.segments),
            work: self.work,
        })
    }
}

#[cfg(test)]
mod tests;
