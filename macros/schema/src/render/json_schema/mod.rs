//! JSON Schema of the language.

pub(crate) mod schema;
pub(crate) mod values;
