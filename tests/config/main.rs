//! The living configuration against real servers: reload, selection, reports, checks on a server, the doctor, a site's own
//! distribution, the tutorial.
//!
//! | module | what it shows |
//! |--|--|
//! | [`reload`] | what a reload changes, what it leaves alone, what it refuses |
//! | [`load`] | reloads under load: no scrape and no probe fails |
//! | [`mistakes`] | compiler, build, check, start and reload use the same words |
//! | [`files_of_1x`] | configuration written for pg_exporter 1.x loads as it is |
//! | [`new`] | the crate that `new` writes is the one in `tests/site`, builds, and serves; a distribution has its directories' collectors |
//! | [`selection`] | jobs of different collectors do not disturb each other |
//! | [`tutorial`] | the steps of docs/tutorial.md do what it says |
//! | [`check`] | statements that a server refuses, and results that are not what definitions say |
//! | [`outside`] | files in the manner of public ones give what their authors meant, as they are and converted |
//! | [`record`] | what servers say is written beside the definitions, and told without a server from then on |
//! | [`doctor`] | problems are named, and its statements put them right |
//! | [`extensions`] | what to create, update, preload and grant for extensions, by statements that do it |
//! | [`valid_pages`] | collectors that meet, results that lack columns, clients in a hurry |
//! | [`reports`] | `/explain` and `/stat`, and the subcommands |
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod check;
mod doctor;
mod extensions;
mod files_of_1x;
mod load;
mod mistakes;
mod new;
mod outside;
mod record;
mod reload;
mod reports;
mod selection;
mod support;
mod tutorial;
mod valid_pages;
