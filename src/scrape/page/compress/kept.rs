//! What is kept of a share of the page in compressed form, block by block.
//!
//! A block is *fresh* when its text is new: compressed at once, while a client waits, so quickly rather than well. When
//! it has been on [`STEADY`] pages as it is, it is given away to be compressed densely by whoever takes the [`Work`], and is
//! *awaited*; the page after that finds it *dense*. Text that changes makes it fresh again, whatever it was.

use std::iter;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::codec::Codec;

/// Pages on which a block is the same before it is taken to stay so.
const STEADY: u32 = 3;

/// Bytes of text that one page gives away, at least: the work of a large page is spread over several.
const WORK: usize = 512 << 10;

/// Segments of earlier pages.
#[derive(Debug)]
pub(in crate::scrape) struct Kept<C: Codec> {
    blocks: Vec<Block<C::Segment>>,
    /// Whether they are of the text as it is.
    is_current: bool,
}

#[derive(Debug)]
struct Block<S> {
    text: Vec<Bytes>,
    segment: S,
    state: State<S>,
}

#[derive(Debug)]
enum State<S> {
    /// With the number of pages that it has been on.
    Fresh(u32),
    Awaited(Arc<OnceLock<S>>),
    Dense,
}

/// Blocks to compress densely, on a thread that nobody waits for.
#[derive(Debug)]
pub(in crate::scrape) struct Work<C: Codec> {
    jobs: Vec<Job<C::Segment>>,
    bytes: usize,
}

type Job<S> = (Vec<Bytes>, Arc<OnceLock<S>>);

impl<C: Codec> Default for Kept<C> {
    fn default() -> Self {
        Self {
            blocks: Vec::new(),
            is_current: false,
        }
    }
}

impl<C: Codec> Kept<C> {
    /// The text is another one now, or may be. What no page was made of since the last time is forgotten: nobody asks for it.
    pub(in crate::scrape) fn outdate(&mut self) {
        if !self.is_current {
            self.blocks = Vec::new();
        }
        self.is_current = false;
    }

    /// Compresses what is not known of the text.
    pub(super) fn bring_up_to_date(&mut self, chunks: &[Bytes], codec: &mut C) -> std::io::Result<()> {
        if self.is_current {
            return Ok(());
        }
        let texts = blocks(chunks, C::BLOCK);
        self.blocks.truncate(texts.len());
        for (at, text) in texts.into_iter().enumerate() {
            match self.blocks.get_mut(at) {
                // The new text of the two: the old one's memory can go.
                Some(known) if known.text == text => known.text = text,
                Some(known) => *known = Block::new(text, codec)?,
                None => self.blocks.push(Block::new(text, codec)?),
            }
        }
        self.is_current = true;
        Ok(())
    }

    /// The segments for one more page. What has proven to be steady is given away as work.
    pub(super) fn segments(&mut self, work: &mut Work<C>) -> impl Iterator<Item = C::Segment> {
        self.blocks.iter_mut().map(|block| {
            block.is_on_a_page(work);
            block.segment.clone()
        })
    }
}

impl<S: Clone> Block<S> {
    fn new<C: Codec<Segment = S>>(text: Vec<Bytes>, codec: &mut C) -> std::io::Result<Self> {
        Ok(Self {
            segment: codec.segment(&text)?,
            text,
            state: State::Fresh(0),
        })
    }

    fn is_on_a_page<C: Codec<Segment = S>>(&mut self, work: &mut Work<C>) {
        match &mut self.state {
            State::Fresh(pages) if *pages < STEADY => *pages += 1,
            State::Fresh(_) if work.bytes < WORK => {
                let slot = Arc::default();
                work.bytes += self.text.iter().map(Bytes::len).sum::<usize>();
                work.jobs.push((self.text.clone(), Arc::clone(&slot)));
                self.state = State::Awaited(slot);
            }
            State::Awaited(slot) => {
                if let Some(dense) = slot.get() {
                    self.segment = dense.clone();
                    self.state = State::Dense;
                }
            }
            State::Fresh(_) | State::Dense => {}
        }
    }
}

impl<C: Codec> Default for Work<C> {
    fn default() -> Self {
        Self {
            jobs: Vec::new(),
            bytes: 0,
        }
    }
}

impl<C: Codec> Work<C> {
    /// Whether there is none.
    pub(in crate::scrape) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Does it.
    pub(in crate::scrape) fn run(self) {
        let mut codec = C::dense();
        for (text, slot) in self.jobs {
            // A block that cannot be compressed stays as it is.
            if let Ok(segment) = codec.segment(&text) {
                let _ = slot.set(segment);
            }
        }
    }
}

/// The chunks by blocks. Small chunks go with the next large one, which ends a block; chunks much larger than a block are cut.
fn blocks(chunks: &[Bytes], size: usize) -> Vec<Vec<Bytes>> {
    let mut blocks = Vec::new();
    let (mut block, mut length) = (Vec::new(), 0);
    for piece in chunks.iter().flat_map(|chunk| pieces(chunk, size)) {
        length += piece.len();
        block.push(piece);
        // Pieces are a line longer or shorter than that.
        if length >= size / 2 {
            blocks.push(std::mem::take(&mut block));
            length = 0;
        }
    }
    if !block.is_empty() {
        blocks.push(block);
    }
    blocks
}

/// Cuts a chunk behind the first line that ends beyond each multiple of the size. So a value that gets longer moves few of
/// the cuts, if any, and the blocks beside it stay as they are.
fn pieces(chunk: &Bytes, size: usize) -> impl Iterator<Item = Bytes> {
    let (mut rest, mut taken) = (chunk.clone(), 0);
    iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let next = (taken / size + 1) * size - taken;
        let cut = match rest.get(next..) {
            Some(behind) if behind.len() > size / 2 => {
                let line = behind.iter().take(size / 2).position(|byte| *byte == b'\n');
                next + line.map_or(0, |at| at + 1)
            }
            _ => rest.len(),
        };
        taken += cut;
        Some(rest.split_to(cut))
    })
}
