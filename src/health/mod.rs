//! Health: a background probe, its last snapshot, and the rules of the answer.

mod answer;
mod beat;
mod crowd;
mod door;
pub mod lag;
pub mod probe;
mod question;
mod replay;
mod rhythm;
mod snapshot;
mod thread;
mod told;

pub use answer::{PATHS, Question, Verdict};
pub use beat::Beat;
pub use rhythm::Rhythm;
pub use snapshot::{Health, Lag, Snapshot, State};
pub use thread::{ProbeThread, Probing};
