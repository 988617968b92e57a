//! What is told to people and tools: one model, and `/explain` and `/stat` made of it.

pub(in crate::scrape) mod collisions;
mod explain;
mod figures;
pub(in crate::scrape) mod model;
pub(in crate::scrape) mod own_metrics;
mod protocol;
pub(in crate::scrape) mod server;
mod stat;

pub use explain::{Explain, Explained};
pub use figures::{duration, time};
pub use model::{CollectorOverview, DatabaseOverview, Overview};
pub use server::ServerOverview;
pub use stat::Statistics;
