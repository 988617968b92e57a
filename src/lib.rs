//! Prometheus exporter for PostgreSQL and pgbouncer: a declarative query engine compiled from collector definitions.
//!
//! # A tour for authors of distributions
//!
//! A *distribution* is an exporter with collectors of your own, as one binary. It is a crate that depends on this library. `pg_exporter
//! new NAME --library PATH` writes it; what it consists of is this.
//!
//! **Collectors** are a YAML file ([`collectors!`] takes a directory of them) or a struct that derives [`Row`](macro@Row): its fields are
//! the columns of the statement, and [`Row::COLLECTOR`] is the definition. A mistake in either is a compile error with its place.
//!
//! **The program** is [`Exporter`]: the whole command line, web server, health probe and engine over the collectors that you give it.
//! Take [`COLLECTORS`](catalog::compiled::COLLECTORS) in as well for the shipped ones.
//!
//! **Defaults** of your site hold where neither a flag nor the environment says otherwise.
//!
//! **Rows** come to your code as structs, by [`Exporter::on_rows`]: once for each database, after each execution, on a thread of its own.
//!
//! ```no_run
//! use std::process::ExitCode;
//! use std::sync::LazyLock;
//!
//! use pg_exporter::schema::Collector;
//! use pg_exporter::{DatabaseRows, Exporter, Row, catalog};
//!
//! /// Tables by schema: `shop_tables_count{datname="…",schema="…"}`.
//! #[derive(Debug, Row)]
//! #[collector(
//!     query = "SELECT pg_catalog.current_database() AS datname, n.nspname AS schema, pg_catalog.count(*) AS count \
//!              FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
//!              WHERE c.relkind = 'r' GROUP BY n.nspname",
//!     ttl = 60
//! )]
//! pub struct ShopTables<'row> {
//!     /// Name of the database.
//!     #[column(usage = "LABEL")]
//!     pub datname: &'row str,
//!     /// Name of the schema.
//!     #[column(usage = "LABEL")]
//!     pub schema: &'row str,
//!     /// Ordinary tables in the schema.
//!     #[column(usage = "GAUGE")]
//!     pub count: Option<f64>,
//! }
//!
//! /// The shipped collectors and that one.
//! static ALL: LazyLock<Vec<Collector>> =
//!     LazyLock::new(|| [catalog::compiled::COLLECTORS, &[ShopTables::COLLECTOR]].concat());
//!
//! fn main() -> ExitCode {
//!     Exporter::new(&ALL)
//!         .defaults(&[("PG_EXPORTER_LABEL", "site=shop")])
//!         .on_rows(|rows: &DatabaseRows<ShopTables<'static>>| {
//!             for row in rows.iter() {
//!                 println!("{}: {} has {:?} tables", rows.database(), row.schema, row.count);
//!             }
//!         })
//!         .run()
//! }
//! ```
//!
//! **Without the program**: [`schema`] reads, checks and renders definitions alone. [`scrape::Scraper`] scrapes without a web server; ask it
//! for pages, or for typed rows by [`Scraper::rows`](scrape::Scraper::rows). [`health`] has the probe and the rules of its answers.
//!
//! # Rooms
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
mod certificates;
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
pub use scrape::{DatabaseRows, Row, RowView, Unfit, Value};
