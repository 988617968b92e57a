//! Values as operators write them: on and off, durations, text that must never be shown.

mod boolean;
pub(crate) mod duration;
mod secret;

pub(crate) use boolean::boolean;
pub use secret::Secret;
