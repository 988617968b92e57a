//! Prometheus exporter for PostgreSQL and pgbouncer: a declarative query engine compiled from collector definitions.
#![forbid(unsafe_code)]

pub mod build_info;
pub mod cli;
pub mod logging;
pub mod scrape;
pub mod settings;
pub mod target;
pub mod telemetry;
pub mod web;

pub use pg_exporter_schema as schema;
