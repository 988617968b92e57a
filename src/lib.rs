//! Prometheus exporter for PostgreSQL and pgbouncer: a declarative query engine compiled from collector definitions.
//!
//! Data flows through four rooms in one direction, each depending on those before it only:
//!
//! - [`catalog`]: what to collect; the compiled set, a run-time layer, the live set
//! - [`target`]: the server; connection information, sessions, facts, planning, health probe
//! - [`scrape`]: rows to bytes; decode, batch, encode, cache, one target's run, the page
//! - [`web`]: the HTTP server; routes, health answers, the page for people
//!
//! [`run()`] is the whole program; around the rooms are [`cli`] and [`settings`] (what the operator asks for), [`logging`], [`telemetry`] (the
//! exporter's own metrics), [`report`] (what it tells people) and [`build_info`].
#![forbid(unsafe_code)]

// The build script's structs name this crate as a site's would.
extern crate self as pg_exporter;

pub mod build_info;
pub mod catalog;
mod check;
pub mod cli;
mod commands;
mod doctor;
pub mod logging;
mod new;
pub mod report;
mod row;
mod run;
pub mod scrape;
pub mod service;
pub mod settings;
pub mod target;
pub mod telemetry;
pub mod web;

pub use pg_exporter_macros::{Row, collectors};
pub use pg_exporter_schema as schema;
pub use row::Row;
pub use run::{run, run_with_defaults};
pub use scrape::RowView;
