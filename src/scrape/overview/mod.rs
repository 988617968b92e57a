//! What is told to people and tools: one model, and `/explain` and `/stat` made of it.

pub(in crate::scrape) mod collisions;
mod explain;
mod figures;
// A site's distribution lacks the shipped structs.
#[cfg_attr(not(site_collectors), path = "shipped.rs")]
#[cfg_attr(site_collectors, path = "unknown.rs")]
pub(in crate::scrape) mod from_rows;
pub(in crate::scrape) mod model;
pub(in crate::scrape) mod own_metrics;
mod protocol;
mod server;
mod stat;

pub use explain::{Explain, Explained};
pub use figures::{duration, time};
pub use model::{CollectorOverview, DatabaseOverview, Overview};
pub use server::ServerOverview;
pub use stat::Statistics;
