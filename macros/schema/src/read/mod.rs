//! From text to what is written: nodes with positions, then keys of the language with typed values. Finds what is wrong with
//! a single key or value.

pub(crate) mod advice;
pub(crate) mod alternatives;
pub(crate) mod build;
pub(crate) mod build_source;
pub(crate) mod diagnostic;
pub(crate) mod entry;
pub(crate) mod foreign;
pub(crate) mod given;
pub(crate) mod histogram;
pub(crate) mod kinds;
pub(crate) mod node;
pub(crate) mod position;
pub(crate) mod report;
pub(crate) mod runonserver;
pub(crate) mod scalar;
pub(crate) mod source;
pub(crate) mod tree;
pub(crate) mod value;
