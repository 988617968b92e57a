//! Prometheus exporter for PostgreSQL and pgbouncer: a declarative query engine compiled from collector definitions.
//!
//! Data flows through rooms in one direction, each depending on those before it only:
//!
//! - [`catalog`]: what to collect; the compiled set, a run-time layer, the live set, planning by facts
//! - [`postgres`]: the server; connection information, sessions, facts, pool
//! - [`health`]: a background probe and what load balancers are told
//! - [`self_metrics`]: the exporter's own metrics
//! - [`scrape`]: schedule, run, rows, page, and what is told to people
//! - [`fleet`]: one target or many, on threads that they share
//! - [`web`]: the HTTP server; routes, health answers, the page for people
//! - [`program`]: command line, settings, wiring, subcommands; [`Exporter`] is the whole of it
//!
//! Before them are [`values`] (as operators write them), [`files`] (read where nobody waits for them), [`build_info`] and [`service`] (what systemd is told).
#![forbid(unsafe_code)]

// The build script's structs name this crate as a site's would.
extern crate self as pg_exporter;

pub mod build_info;
pub mod catalog;
pub mod files;
pub mod fleet;
pub mod health;
pub mod postgres;
pub mod program;
pub mod scrape;
pub mod self_metrics;
pub mod service;
pub mod values;
pub mod web;

pub use pg_exporter_macros::{Row, collectors};
pub use pg_exporter_schema as schema;
pub use program::Exporter;
pub use scrape::{DatabaseRows, Row, RowView};
