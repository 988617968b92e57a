//! One gzip stream put together from segments that were compressed apart.
//!
//! A segment is raw deflate data that ends at a byte boundary and refers to nothing before it, so a page of unchanged
//! and changed collectors is compressed only where it changed. The stream's checksum is combined from those of the
//! segments.

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress, Status};

/// Compressed data of a part of the page.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Deflate blocks, the last one not marked as final.
    deflated: Bytes,
    checksum: crc32fast::Hasher,
    /// Length of what was compressed, modulo 2^32 as gzip has it.
    length: u32,
}

/// Compresses segments; keeps its window and tables between them.
#[derive(Debug)]
pub struct Compressor {
    state: Compress,
    out: Vec<u8>,
}

/// RFC 1952: magic, deflate, no flags, no time, fastest compression, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];
/// A final, empty deflate block of fixed Huffman codes.
const END: [u8; 2] = [3, 0];

impl Default for Compressor {
    fn default() -> Self {
        // Level 1: compression costs several times what encoding does, and more of it buys little (measured: level 6
        // takes three times the time for two thirds of the size).
        Self {
            state: Compress::new(Compression::fast(), false),
            out: Vec::new(),
        }
    }
}

impl Compressor {
    /// Compresses the chunks as one segment.
    pub fn segment(&mut self, chunks: &[Bytes]) -> Segment {
        let mut checksum = crc32fast::Hasher::new();
        self.state.reset();
        self.out.clear();
        let mut length = 0u32;
        for chunk in chunks {
            checksum.update(chunk);
            length = length.wrapping_add(chunk.len() as u32);
            self.feed(chunk, FlushCompress::None);
        }
        self.feed(&[], FlushCompress::Sync);
        Segment {
            deflated: Bytes::copy_from_slice(&self.out),
            checksum,
            length,
        }
    }

    fn feed(&mut self, mut input: &[u8], flush: FlushCompress) {
        loop {
            // Deflate expands incompressible data by at most five bytes per 16 kB block.
            self.out.reserve(input.len() / 8 + 256);
            let before = self.state.total_in();
            let status = self.state.compress_vec(input, &mut self.out, flush);
            let taken = usize::try_from(self.state.total_in() - before).unwrap_or(input.len());
            input = input.get(taken..).unwrap_or_default();
            let has_room = self.out.len() < self.out.capacity();
            if matches!(status, Err(_) | Ok(Status::StreamEnd)) || (input.is_empty() && has_room) {
                return;
            }
        }
    }
}

/// A stream in the making.
#[derive(Debug)]
pub struct Stream<'a> {
    compressor: &'a mut Compressor,
    segments: Vec<Segment>,
    /// What will be the next segment. A segment costs the clearing of 128 kB of tables, which is more than compressing
    /// a small collector's lines, so these share one.
    loose: Vec<Bytes>,
}

impl<'a> Stream<'a> {
    /// An empty stream.
    pub fn new(compressor: &'a mut Compressor) -> Self {
        Self {
            compressor,
            segments: Vec::new(),
            loose: Vec::new(),
        }
    }

    /// Adds a chunk that is compressed each time.
    pub fn push(&mut self, chunk: Bytes) {
        self.loose.push(chunk);
    }

    /// Adds chunks as the segment that was kept from an earlier stream, or makes it.
    pub fn push_kept(&mut self, chunks: &[Bytes], kept: &mut Option<Segment>) {
        self.end_segment();
        let segment = kept.get_or_insert_with(|| self.compressor.segment(chunks));
        self.segments.push(segment.clone());
    }

    fn end_segment(&mut self) {
        if !self.loose.is_empty() {
            self.segments.push(self.compressor.segment(&self.loose));
            self.loose.clear();
        }
    }

    /// The whole stream, in chunks.
    #[must_use]
    pub fn finish(mut self) -> Vec<Bytes> {
        self.end_segment();
        join(&self.segments)
    }
}

fn join(segments: &[Segment]) -> Vec<Bytes> {
    let mut checksum = crc32fast::Hasher::new();
    let mut chunks = Vec::with_capacity(segments.len() + 2);
    let mut length = 0u32;
    chunks.push(Bytes::from_static(&HEADER));
    for segment in segments {
        checksum.combine(&segment.checksum);
        length = length.wrapping_add(segment.length);
        chunks.push(segment.deflated.clone());
    }
    let mut trailer = Vec::with_capacity(END.len() + 8);
    trailer.extend_from_slice(&END);
    trailer.extend_from_slice(&checksum.finalize().to_le_bytes());
    trailer.extend_from_slice(&length.to_le_bytes());
    chunks.push(trailer.into());
    chunks
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn segments_make_one_stream(
            parts in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..5000)), 0..9)
        ) {
            let mut compressor = Compressor::default();
            let mut kept = vec![None; parts.len()];
            // The second stream is made of what the first one kept.
            for _ in 0..2 {
                let mut stream = Stream::new(&mut compressor);
                for ((is_kept, part), kept) in parts.iter().zip(&mut kept) {
                    let chunks: Vec<Bytes> = part.chunks(700).map(Bytes::copy_from_slice).collect();
                    if *is_kept {
                        stream.push_kept(&chunks, kept);
                    } else {
                        chunks.into_iter().for_each(|chunk| stream.push(chunk));
                    }
                }
                let compressed = stream.finish().concat();
                let mut plain = Vec::new();
                // A decoder of one member only: several members would end early.
                flate2::read::GzDecoder::new(&*compressed).read_to_end(&mut plain).unwrap();
                prop_assert_eq!(plain, parts.iter().flat_map(|(_, part)| part.clone()).collect::<Vec<u8>>());
            }
        }
    }

    #[test]
    fn large_and_repetitive_parts() {
        let line = Bytes::from("pg_table_seq_scan{datname=\"app\",relname=\"public.t\"} 42\n".repeat(50_000));
        let mut compressor = Compressor::default();
        let segments = [
            compressor.segment(std::slice::from_ref(&line)),
            compressor.segment(&[line.clone(), line.clone()]),
        ];
        let compressed = join(&segments).concat();
        assert!(compressed.len() * 20 < line.len() * 3);
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&*compressed)
            .read_to_end(&mut plain)
            .unwrap();
        assert_eq!(plain.len(), line.len() * 3);
    }
}
