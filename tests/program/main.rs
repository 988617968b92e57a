//! The program as its users meet it: command line, environment, files, log, web pages, signals; on real servers.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(clippy::print_stderr, reason = "measured figures, shown with --nocapture")]

mod commands;
mod flags;
mod forged;
mod installed;
mod life;
mod limits;
mod log;
mod memory;
mod mistakes;
mod secrets;
mod sources;
mod support;
mod unread;
mod web;
