//! Everything that goes wrong with the target, on real servers: what the page, the health paths and the server's
//! own views show while it lasts, and that all recovers by itself.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(clippy::print_stderr, reason = "measured times, shown with --nocapture")]

mod attacks;
mod attempts;
mod bouncer;
mod catalogs;
mod certificates;
mod clock;
mod costs;
mod crash;
mod crowd;
mod databases;
mod documented;
mod door;
mod fake;
mod fatal;
mod files;
mod firewall;
mod floods;
mod health;
mod identity;
mod lag;
mod latency;
mod leftovers;
mod lines;
mod names;
mod network;
mod owners;
mod passwords;
mod path;
mod pauses;
mod permits;
mod pooler;
mod protocol;
mod refusals;
mod resources;
mod rewind;
mod roles;
mod room;
mod sessions;
mod settings;
mod sizes;
mod soak;
mod startup;
mod storage;
mod strings;
mod support;
mod switchover;
mod timeouts;
mod views;
