//! Rows to bytes: decode, batch, encode, cache, one target's run, the page.

mod actor;
mod batch;
mod builtin;
mod collect;
mod config;
mod database;
mod decode;
mod encode;
mod gzip;
mod histogram;
mod number;
mod overview;
mod page;
mod samples;
mod slot;
mod target;
mod text;
mod timestamp;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

pub use actor::Scraper;
pub use batch::{Batch, RowView};
pub use config::Config;
pub use target::Surroundings;

/// What a client asks of the metrics page.
#[derive(Clone, Debug)]
pub struct Request {
    /// The page leaves before it, with what is there by then.
    pub deadline: Instant,
    /// How the page's bytes are compressed.
    pub encoding: Encoding,
}

/// Compression of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// None.
    Identity,
    /// One gzip stream, put together from segments that are compressed once.
    Gzip,
}

/// A page: its bytes in order.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The body's chunks.
    pub chunks: Vec<Bytes>,
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

/// What people see of the exporter at `/`.
#[derive(Clone, Debug, Default)]
pub struct Overview {
    /// One entry per database, the URL's first.
    pub databases: Vec<DatabaseOverview>,
}

/// One database and its collectors.
#[derive(Clone, Debug, Default)]
pub struct DatabaseOverview {
    /// Name.
    pub name: String,
    /// `server_version_num`, 0 when never known.
    pub version: u32,
    /// Whether its last scrape succeeded, and why not.
    pub error: Option<String>,
    /// Installed collectors in the order of execution.
    pub collectors: Vec<CollectorOverview>,
}

/// One installed collector.
#[derive(Clone, Debug, Default)]
pub struct CollectorOverview {
    /// Collector name.
    pub name: String,
    /// Branch installed.
    pub branch: String,
    /// `ok`, `cached`, `failed`, `paused`, `skipped by predicate`, `not run yet`.
    pub state: &'static str,
    /// Seconds of the last execution.
    pub duration: f64,
    /// Seconds since the last good execution.
    pub age: Option<f64>,
    /// Series served.
    pub series: u64,
    /// Failures so far.
    pub errors: u64,
    /// Last error, without secrets.
    pub last_error: Option<String>,
}

/// The scrape thread is gone.
#[derive(Debug, thiserror::Error)]
#[error("the scrape thread has ended")]
pub struct Gone;
