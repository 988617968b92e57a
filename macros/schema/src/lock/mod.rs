//! `statements.lock`: what servers said to the statements of a directory, so that a build can tell without one.
//!
//! `record` is what is recorded and how it is added to; `text` writes its file, `parse` reads it; `kind` says which number a type of the
//! server is; `judge` compares definitions with what was recorded; `proof` tells which versions a branch is proven on.

pub(crate) mod branch;
pub(crate) mod coverage;
pub(crate) mod fingerprint;
pub(crate) mod judge;
pub(crate) mod kind;
pub(crate) mod locks;
pub(crate) mod parse;
pub(crate) mod position;
pub(crate) mod proof;
pub(crate) mod record;
pub(crate) mod result;
pub(crate) mod seen;
pub(crate) mod server;
pub(crate) mod text;
pub(crate) mod words;
