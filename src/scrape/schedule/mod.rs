//! Who waits for which run.

pub(in crate::scrape) mod queue;
#[cfg(test)]
mod queue_tests;
pub(in crate::scrape) mod run_id;
pub(in crate::scrape) mod selection;
