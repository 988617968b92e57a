//! The collectors that are compiled in: the metric reference.
//!
//! One struct for each branch, its fields are the columns of its result. The build script writes them from the
//! definition files; a [custom distribution](crate::collectors) has others.

include!(concat!(env!("OUT_DIR"), "/collectors.rs"));
