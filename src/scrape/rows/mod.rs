//! Rows decoded: from the wire's bytes to a batch of labels and numbers.

pub(in crate::scrape) mod batch;
pub(in crate::scrape) mod decode;
pub(in crate::scrape) mod gaps;
pub(in crate::scrape) mod mismatch;
pub(in crate::scrape) mod number;
pub(in crate::scrape) mod row;
pub(in crate::scrape) mod timestamp;
pub(in crate::scrape) mod typed;
pub(in crate::scrape) mod value;
