//! The log: to standard error, as logfmt or JSON, with the same keys.
//!
//! ```text
//! event -> filter (start) -> limit: too many of its kind? -> layer: a line -> queue -> a thread that writes
//! ```
//! Standard error may be a pipe that nobody reads. Only the thread that writes waits for it.

mod choice;
mod layer;
mod limit;
mod line;
mod queue;
mod start;

pub use choice::{Format, Level};
pub use start::{Error, flush, serving, start};
