//! The targets file: which servers one process scrapes. It is read here since only this crate knows YAML.
//!
//! `keys` has one row per key; `read` makes typed values with their places of files; `merge` lays a target's own keys over
//! its credentials' and the defaults; `schema` is the JSON Schema of it.

pub(crate) mod file_sd;
pub(crate) mod found;
pub(crate) mod keys;
pub(crate) mod merge;
pub(crate) mod names;
pub(crate) mod read;
pub(crate) mod schema;
