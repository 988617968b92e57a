//! Rust.

pub(crate) mod attributes;
pub(crate) mod docs;
pub(crate) mod names;
pub(crate) mod structs;
