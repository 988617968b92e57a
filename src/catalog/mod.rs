//! What to collect: the compiled set, a run-time layer over it, and the live set that scrapes begin with.

mod live;

pub use live::Live;
