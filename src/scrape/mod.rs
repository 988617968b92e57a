//! Rows to bytes: decode, batch, encode, cache, one target's run, the page.

mod actor;
mod batch;
mod builtin;
mod collect;
mod compress;
mod config;
mod database;
mod decode;
mod encode;
mod fit;
mod format;
mod histogram;
mod history;
mod number;
mod overview;
mod page;
mod room;
mod rounds;
mod samples;
mod selection;
mod served;
mod slot;
mod target;
mod text;
mod timestamp;
mod unit;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

pub use actor::Scraper;
pub use batch::{Batch, RowView};
pub use config::Config;
pub use fit::Misfit;
pub use format::Format;
pub use history::Run;
pub use overview::{CollectorOverview, DatabaseOverview, Overview, ServerOverview};
pub use selection::Selection;
pub use served::{Sample, Served};
pub use target::Surroundings;

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

/// The rows of one collector's last result on one database.
#[derive(Clone, Debug)]
pub struct DatabaseRows {
    /// The database.
    pub database: String,
    /// The result.
    pub batch: Arc<Batch>,
}

impl DatabaseRows {
    /// The rows as structs. They mean something only if `R` is the struct of the branch asked for.
    pub fn typed<'a, R: crate::Row<'a>>(&'a self) -> impl Iterator<Item = R> {
        self.batch.iter().map(R::from_row)
    }
}

/// The scrape thread is gone.
#[derive(Debug, thiserror::Error)]
#[error("the scrape thread has ended")]
pub struct Gone;
