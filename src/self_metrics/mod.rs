//! The exporter's own metrics: one [table](TABLE) of all of them, one [writer](Writer), and what counts for them outside of
//! scrapes: the process and the web server.
//!
//! A new one is a row of the table, and a line where its value is known: here, or in `scrape::overview::own_metrics`.

mod metric;
mod process;
mod table;
mod telemetry;
mod web_config;
mod writer;

pub use metric::{Kind, Metric, Prefix};
pub use process::{Process, Usage};
pub use table::*;
pub use telemetry::{Page, Telemetry};
pub use web_config::WebConfig;
pub use writer::{Family, Labels, Writer};
