//! The exporter against real servers: every collector's contract, values, privileges, locks, and what the engine shows
//! on the page.
//!
//! | module | what it shows |
//! |--|--|
//! | [`definitions`] | compiled collectors are what `tests/contract` and the files in `collectors/` say |
//! | [`contract`] | every collector yields its series on every major, primary and standby, and on pgbouncer |
//! | [`console`] | pgbouncer from 1.8 to 1.25 yields its series |
//! | [`builtin`] | the exporter's own series |
//! | [`same`] | a file loaded at run time gives the page of the compiled one |
//! | [`values`] | values agree with the catalogs, with activity on the server |
//! | [`privileges`] | with pg_monitor nothing fails, without it failures are named |
//! | [`locks`] | an exclusive lock costs what is read of the locked relation only |
//! | [`limits`] | of more than a collector shows, the most important are shown |
//! | [`large`] | limits on series hold in a database of 9,000 tables |
//! | [`revocations`] | a function or view that is denied costs those collectors only that need it |
//! | [`denied`] | a function that is denied costs what it tells |
//! | [`hostile`] | no statement can be made to mean somebody's look-alike of what it uses |
//! | [`encodings`] | names in any encoding, each a series of its own |
//! | [`given`] | servers before 10, where some are given |
//! | [`flavours`] | managed services are recognised, and what is theirs is left alone |
//! | [`engine`] | cache, back-off, predicates, duplicates, limits, discovery, labels |
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells what it measured"
)]

mod agree;
mod builtin;
mod console;
mod contract;
mod definitions;
mod denied;
mod encodings;
mod engine;
mod expected;
mod flavours;
mod given;
mod hostile;
mod large;
mod layer;
mod limits;
mod locks;
mod privileges;
mod revocations;
mod same;
mod scene;
mod support;
mod values;
