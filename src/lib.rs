//! Prometheus exporter for PostgreSQL and pgbouncer: a declarative query engine compiled from collector definitions.
#![forbid(unsafe_code)]

pub mod scrape;
pub mod target;

pub use pg_exporter_schema as schema;
