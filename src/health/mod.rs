//! Health: a background probe, its last snapshot, and the rules of the answer.

mod answer;
mod door;
pub mod lag;
pub mod probe;
mod question;
mod replay;
mod snapshot;

pub use answer::{PATHS, Question, Verdict};
pub use snapshot::{Health, Lag, Snapshot, State};
