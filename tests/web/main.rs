//! The web side as its peers meet it: formats, security, limits, the pages for people; with real Prometheus, HAProxy, nginx,
//! curl and Chromium.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(clippy::print_stderr, reason = "measured times, shown with --nocapture")]

mod formats;
mod limits;
mod pages;
mod peers;
mod security;
mod support;
