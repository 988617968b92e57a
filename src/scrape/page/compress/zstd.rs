//! One zstd stream of several frames: a decoder reads frames that follow each other as one (RFC 8878, section 3).

use std::io;

use bytes::Bytes;

use super::codec::Codec;

/// The fastest of the library's regular levels: on pages it comes out as small as the default, level 3, in less time.
const FAST: i32 = 1;

/// A tenth less than that, for six times the time.
const DENSE: i32 = 9;

/// Compresses frames; keeps its tables between them. Made when the first client asks for it.
pub struct Compressor {
    level: i32,
    state: Option<zstd::bulk::Compressor<'static>>,
}

impl Default for Compressor {
    fn default() -> Self {
        Self {
            level: FAST,
            state: None,
        }
    }
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressor").finish_non_exhaustive()
    }
}

impl Codec for Compressor {
    type Segment = Bytes;

    /// A collector's share as a rule: matches are found however far back.
    const BLOCK: usize = 4 << 20;

    fn dense() -> Self {
        Self {
            level: DENSE,
            state: None,
        }
    }

    fn segment(&mut self, chunks: &[Bytes]) -> io::Result<Bytes> {
        let state = match &mut self.state {
            Some(state) => state,
            None => self.state.insert(zstd::bulk::Compressor::new(self.level)?),
        };
        // In one piece: the length is in the frame's head, and the tables are sized by it.
        let frame = state.compress(&chunks.concat())?;
        // An exact copy: the frame's buffer is as large as the worst case.
        Ok(Bytes::copy_from_slice(&frame))
    }

    fn join(segments: Vec<Bytes>) -> Vec<Bytes> {
        segments
    }
}
