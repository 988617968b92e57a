//! What to collect: the compiled set, a run-time layer over it, and the live set that scrapes begin with.

pub mod compiled;
mod descriptors;
mod live;
mod load;

pub use descriptors::descriptors;
pub use live::Live;
pub use load::{LoadError, Loaded, load};
