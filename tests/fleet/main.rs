//! One process, many targets: over real servers, among servers that do everything wrong, with the real Prometheus and HAProxy.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(clippy::print_stderr, reason = "measured figures, shown with --nocapture")]

mod alone;
mod beginning;
mod broken;
mod caps;
mod ceiling;
mod certificates;
mod commands;
mod credentials;
mod files;
mod idle;
mod isolation;
mod keys;
mod knocks;
mod latency;
mod liveness;
mod many;
mod names;
mod pages;
mod panics;
mod peers;
mod reload;
mod shards;
mod support;
mod table;
