//! One gzip stream of segments: raw deflate data that end at a byte boundary. The stream's checksum is combined from
//! those of the segments.

use std::io;

use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress, Status};

use super::codec::Codec;

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
    level: u32,
    /// Made when it is needed.
    state: Option<Compress>,
    out: Vec<u8>,
}

/// RFC 1952: magic, deflate, no flags, no time, no word on the level, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// A final, empty deflate block of fixed Huffman codes.
const END: [u8; 2] = [3, 0];

/// Bytes of text below which another level is used: level 3 makes a short page more than a tenth longer than level 6 does.
const SHORT: usize = 64 << 10;

/// Comes out as short as level 6 in two thirds of its time.
const LEVEL_OF_SHORT: u32 = 5;

/// Of text that is on one page alone, and of a part of it only: two thirds of the time of level 3, for a fifteenth more.
const LEVEL_OF_PASSING: u32 = 2;

/// Text that is shorter is compressed as everything is: next to none of the time is saved.
const LEAST_PASSING: usize = 32 << 10;

impl Default for Compressor {
    /// Level 3: the first that looks for better matches. On pages it comes within a tenth of level 6 in half of its time;
    /// levels 1 and 2 do not.
    fn default() -> Self {
        Self::of_level(3)
    }
}

impl Codec for Compressor {
    type Segment = Segment;

    /// Twice the format's window: each block begins without it, which costs 5 % of the whole with blocks as short as it is.
    const BLOCK: usize = 64 << 10;

    fn dense() -> Self {
        Self::of_level(9)
    }

    fn segment(&mut self, chunks: &[Bytes]) -> io::Result<Segment> {
        let level = match length(chunks) < SHORT {
            true => self.level.max(LEVEL_OF_SHORT),
            false => self.level,
        };
        self.segment_of_level(level, chunks)
    }

    fn passing(&mut self, chunks: &[Bytes]) -> io::Result<Segment> {
        match length(chunks) < LEAST_PASSING {
            true => self.segment(chunks),
            false => self.segment_of_level(LEVEL_OF_PASSING, chunks),
        }
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
    fn of_level(level: u32) -> Self {
        Self {
            level,
            state: None,
            out: Vec::new(),
        }
    }

    fn segment_of_level(&mut self, level: u32, chunks: &[Bytes]) -> io::Result<Segment> {
        let level = Compression::new(level);
        let state = self.state.get_or_insert_with(|| Compress::new(level, false));
        // Nothing is in it that would have to be written at the old level.
        state.reset();
        state.set_level(level)?;
        Ok(segment(state, &mut self.out, chunks))
    }
}

fn length(chunks: &[Bytes]) -> usize {
    chunks.iter().map(Bytes::len).sum()
}

/// Compresses by a state in which nothing is.
fn segment(state: &mut Compress, out: &mut Vec<u8>, chunks: &[Bytes]) -> Segment {
    let mut checksum = crc32fast::Hasher::new();
    out.clear();
    let mut length = 0u32;
    for chunk in chunks {
        checksum.update(chunk);
        length = length.wrapping_add(chunk.len() as u32);
        feed(state, out, chunk, FlushCompress::None);
    }
    feed(state, out, &[], FlushCompress::Sync);
    Segment {
        deflated: Bytes::copy_from_slice(out),
        checksum,
        length,
    }
}

fn feed(state: &mut Compress, out: &mut Vec<u8>, mut input: &[u8], flush: FlushCompress) {
    loop {
        // Deflate expands incompressible data by at most five bytes per 16 kB block.
        out.reserve(input.len() / 8 + 256);
        let before = state.total_in();
        let status = state.compress_vec(input, out, flush);
        let taken = usize::try_from(state.total_in() - before).unwrap_or(input.len());
        input = input.get(taken..).unwrap_or_default();
        let has_room = out.len() < out.capacity();
        if matches!(status, Err(_) | Ok(Status::StreamEnd)) || (input.is_empty() && has_room) {
            return;
        }
    }
}
