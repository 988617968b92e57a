//! Compressed pages, put together from segments that were compressed apart.
//!
//! A segment refers to nothing before it, so a page of unchanged and changed collectors is compressed only where it
//! changed.

pub(in crate::scrape) mod gzip;
pub(in crate::scrape) mod zstd;

use std::fmt::Debug;
use std::io;

use bytes::Bytes;

/// A way to compress whose output can be put together.
pub(in crate::scrape) trait Codec {
    /// Compressed data of a part of the page, cheap to clone.
    type Segment: Clone + Debug;

    /// Compresses the chunks as one segment.
    ///
    /// # Errors
    /// When the compressor cannot get the memory it needs.
    fn segment(&mut self, chunks: &[Bytes]) -> io::Result<Self::Segment>;

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
}

impl<'a, C: Codec> Stream<'a, C> {
    /// An empty stream.
    pub(in crate::scrape) fn new(codec: &'a mut C) -> Self {
        Self {
            codec,
            segments: Vec::new(),
            loose: Vec::new(),
        }
    }

    /// Adds a chunk that is compressed each time.
    pub(in crate::scrape) fn push(&mut self, chunk: Bytes) {
        self.loose.push(chunk);
    }

    /// Adds chunks as the segment that was kept from an earlier stream, or makes it.
    pub(in crate::scrape) fn push_kept(
        &mut self,
        chunks: &[Bytes],
        kept: &mut Option<C::Segment>,
    ) -> io::Result<()> {
        if !self.loose.is_empty() {
            self.end_segment()?;
        }
        let segment = match kept {
            Some(segment) => segment,
            None => kept.insert(self.codec.segment(chunks)?),
        };
        self.segments.push(segment.clone());
        Ok(())
    }

    fn end_segment(&mut self) -> io::Result<()> {
        self.segments.push(self.codec.segment(&self.loose)?);
        self.loose.clear();
        Ok(())
    }

    /// The whole stream, in chunks.
    pub(in crate::scrape) fn finish(mut self) -> io::Result<Vec<Bytes>> {
        // Nothing at all is a segment too: not every decoder takes no data for an empty stream.
        if !self.loose.is_empty() || self.segments.is_empty() {
            self.end_segment()?;
        }
        Ok(C::join(self.segments))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::*;

    /// Parts of a page, and whether each is kept.
    fn parts() -> impl Strategy<Value = Vec<(bool, Vec<u8>)>> {
        let part = (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..5000));
        proptest::collection::vec(part, 0..9)
    }

    /// The parts as two streams, the second one made of what the first one kept.
    fn streams<C: Codec>(mut codec: C, parts: &[(bool, Vec<u8>)]) -> [Vec<u8>; 2] {
        let mut kept = vec![None; parts.len()];
        [(); 2].map(|()| {
            let mut stream = Stream::new(&mut codec);
            for ((is_kept, part), kept) in parts.iter().zip(&mut kept) {
                let chunks: Vec<Bytes> = part.chunks(700).map(Bytes::copy_from_slice).collect();
                if *is_kept {
                    stream.push_kept(&chunks, kept).unwrap();
                } else {
                    chunks.into_iter().for_each(|chunk| stream.push(chunk));
                }
            }
            stream.finish().unwrap().concat()
        })
    }

    proptest! {
        #[test]
        fn segments_make_one_stream(parts in parts()) {
            let whole: Vec<u8> = parts.iter().flat_map(|(_, part)| part.clone()).collect();
            for stream in streams(gzip::Compressor::default(), &parts) {
                let mut plain = Vec::new();
                // A decoder of one member only: several members would end early.
                flate2::read::GzDecoder::new(&*stream).read_to_end(&mut plain).unwrap();
                prop_assert_eq!(&plain, &whole);
            }
            for stream in streams(zstd::Compressor::default(), &parts) {
                prop_assert_eq!(&::zstd::decode_all(&*stream).unwrap(), &whole);
            }
        }
    }

    #[test]
    fn large_and_repetitive_parts() {
        let line = Bytes::from("pg_table_seq_scan{datname=\"app\",relname=\"public.t\"} 42\n".repeat(50_000));
        let parts = [(true, line.to_vec()), (false, [&*line, &*line].concat())];
        let [gzip, _] = streams(gzip::Compressor::default(), &parts);
        let [zstd, _] = streams(zstd::Compressor::default(), &parts);
        assert!(gzip.len() * 20 < line.len() * 3, "{}", gzip.len());
        assert!(zstd.len() * 100 < line.len() * 3, "{}", zstd.len());
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&*gzip)
            .read_to_end(&mut plain)
            .unwrap();
        assert_eq!(plain.len(), line.len() * 3);
        assert_eq!(::zstd::decode_all(&*zstd).unwrap().len(), line.len() * 3);
    }
}
