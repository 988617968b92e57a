//! Prometheus exporter for PostgreSQL and pgbouncer: a declarative query engine compiled from collector definitions.
//!
//! - [`catalog`]: what to collect
//! - [`target`]: the server
//! - [`scrape`]: rows to bytes
#![forbid(unsafe_code)]

pub mod catalog;
pub mod scrape;
pub mod target;

pub use pg_exporter_schema as schema;
