//! From the model to text: Rust, YAML, JSON Schema, documentation. Each is a loop over the rows of the language.

pub(crate) mod constant;
pub(crate) mod docs;
pub(crate) mod dump;
pub(crate) mod in_force;
pub(crate) mod json_schema;
pub(crate) mod rename;
pub(crate) mod write;
