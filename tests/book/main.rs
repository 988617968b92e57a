//! The documents as one book: each page is in it, no link is dead, what they show is run or parsed, what is generated is current,
//! and translations keep up.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod blocks;
mod claims;
mod examples;
mod generated;
mod health;
mod markdown;
mod nginx;
mod pages;
mod shell;
mod site;
mod support;
mod translations;
mod words;
