//! Targets: one, or as many as files name, on threads that they share.
//!
//! ```text
//! files -> sources -> (the reader of targets files) -> settings -> store
//! TargetSettings -> Engine (scrape threads, the probe thread) -> Target -> Targets (one map, swapped as a whole) -> web
//! ```

mod base;
mod engine;
mod environment;
mod meaning;
mod settings;
mod shard;
mod sources;
mod store;
mod target;
mod targets;

pub use base::Base;
pub use engine::Engine;
pub use shard::Shard;
pub use store::{Fleet, FleetSources, TargetsError, TargetsStatus, check};
pub use target::{Target, TargetSettings};
pub use targets::{Map, Targets};
