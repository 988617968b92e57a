//! What is only wrong about a set as a whole. What a layer did not touch was checked when it was compiled and is only
//! reported together with what it did touch.

pub(crate) mod names;
pub(crate) mod versions;
