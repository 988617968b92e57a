//! Prometheus exporter for PostgreSQL and pgbouncer: a declarative query engine compiled from collector definitions.
//!
//! Data flows through four rooms in one direction, each depending on those before it only:
//!
//! - [`catalog`]: what to collect; the compiled set, a run-time layer, the live set
//! - [`target`]: the server; connection information, sessions, facts, planning, health probe
//! - [`scrape`]: rows to bytes; decode, batch, encode, cache, one target's run, the page
//! - [`web`]: the HTTP server; routes, health answers, the page for people
//!
//! Around them: [`cli`] and [`settings`] (what the operator asks for), [`logging`], [`telemetry`] (the exporter's own
//! metrics) and [`build_info`].
#![forbid(unsafe_code)]

pub mod build_info;
pub mod catalog;
pub mod cli;
pub mod logging;
pub mod scrape;
pub mod settings;
pub mod target;
pub mod telemetry;
pub mod web;

pub use pg_exporter_schema as schema;
