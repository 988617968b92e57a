//! What a client asks of the metrics page, and what it gets.

use std::time::Instant;

use bytes::Bytes;

use super::page::format::Format;
use super::schedule::selection::Selection;

/// What a client asks of the metrics page.
#[derive(Clone, Debug)]
pub struct Request {
    /// The page leaves before it, with what is there by then.
    pub deadline: Instant,
    /// What the page is written in.
    pub format: Format,
    /// How its bytes are compressed.
    pub encoding: Encoding,
    /// Which collectors it is about.
    pub selection: Selection,
}

/// Compression of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// None.
    #[default]
    Identity,
    /// One gzip stream, put together from segments that are compressed once.
    Gzip,
    /// Zstandard, frames that are compressed once, one behind the other.
    Zstd,
}

/// A page: its bytes in order.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The body's chunks.
    pub chunks: Vec<Bytes>,
    /// How they are compressed: as was asked for, or not at all.
    pub encoding: Encoding,
}

/// The scrape thread is gone.
#[derive(Debug, thiserror::Error)]
#[error("the scrape thread has ended")]
pub struct Gone;
