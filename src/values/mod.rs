//! Values as operators write them (on and off, durations, text that must never be shown), and as Prometheus reads them.

mod about;
mod boolean;
pub(crate) mod duration;
pub mod encoding;
pub(crate) mod exposition;
pub mod name;
pub mod text;
mod thread_time;

pub use about::{about, tell_target, this_target};
pub(crate) use boolean::boolean;
pub use pg_exporter_schema::{MASK, Secret};
pub(crate) use thread_time::thread_time;
