//! One gzip stream of segments: raw deflate data that end at a byte boundary. The stream's checksum is combined from
//! those of the segments.

use std::io;

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress, Status};

use super::Codec;

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

impl Codec for Compressor {
    type Segment = Segment;

    fn segment(&mut self, chunks: &[Bytes]) -> io::Result<Segment> {
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
        Ok(Segment {
            deflated: Bytes::copy_from_slice(&self.out),
            checksum,
            length,
        })
    }

    fn join(segments: Vec<Segment>) -> Vec<Bytes> {
        let mut checksum = crc32fast::Hasher::new();
        let mut chunks = Vec::with_capacity(segments.len() + 2);
        let mut length = 0u32;
        chunks.push(Bytes::from_static(&HEADER));
        for segment in &segments {
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
}

impl Compressor {
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
