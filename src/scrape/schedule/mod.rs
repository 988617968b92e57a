//! Who waits for which run.

pub(in crate::scrape) mod queue;
pub(in crate::scrape) mod selection;
