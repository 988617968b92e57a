//! The words of the language: one row per key. Whatever knows keys is a loop over these rows: the parser, tuning, dump,
//! the attributes of generated structs, their constants, the JSON Schema and the tables of `docs/collectors.md`.

pub(crate) mod collector;
pub(crate) mod column;
pub(crate) mod key;
pub(crate) mod near;
pub(crate) mod predicate;
pub(crate) mod tag;
pub(crate) mod usage;
