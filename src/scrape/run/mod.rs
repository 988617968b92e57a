//! One target's run: its databases, the statements that are due, each collector's state.

pub(in crate::scrape) mod collect;
pub(in crate::scrape) mod collector_state;
pub(in crate::scrape) mod config;
pub(in crate::scrape) mod database;
pub(crate) mod database_names;
pub(in crate::scrape) mod databases;
pub(in crate::scrape) mod drop_guard;
pub(in crate::scrape) mod env;
pub(in crate::scrape) mod history;
pub(in crate::scrape) mod share;
pub(in crate::scrape) mod target;
pub(in crate::scrape) mod timing;
pub(in crate::scrape) mod turn;
