//! Rules, dashboards and runbooks: what is generated is current, and all of it is run, on real servers and a real
//! Prometheus.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(
    clippy::print_stderr,
    reason = "tables of what was found, shown with --nocapture"
)]

mod expressions;
mod files;
mod firing;
mod generated;
mod rules;
mod runbooks;
mod schema;
