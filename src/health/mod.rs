//! Health: a background probe, its last snapshot, and the rules of the answer.

pub mod lag;
pub mod probe;
mod snapshot;

pub use snapshot::{Health, Lag, Snapshot, State};
