//! What the exporter tells people and tools about its collectors, as text and as JSON: one renderer for the web pages and
//! the subcommands.

mod explain;
mod figures;
mod protocol;
mod stat;

pub use explain::{Explain, Explained};
pub use figures::{duration, time};
pub use stat::Statistics;
