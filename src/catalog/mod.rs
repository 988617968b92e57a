//! What to collect: the compiled set, a run-time layer over it, and the live set that scrapes begin with.

mod background;
mod change;
pub mod compiled;
mod descriptors;
pub mod extension_schema;
pub mod facts;
pub mod flavour;
mod live;
mod load;
pub mod plan;
mod shipped;
mod store;

pub use background::reload_in_background;
pub use change::Change;
pub use descriptors::descriptors;
pub use live::Live;
pub use load::{LoadError, Loaded, load, read, superseded};
pub use shipped::{is_shipped, optional_functions};
pub use store::{Catalog, Sources, Status};
