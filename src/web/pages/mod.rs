//! The pages for people: `/` and `/collector/NAME`. Rendered here, checked at compile time, everything escaped; they work
//! without script, which only keeps them up to date.
//!
//! ```text
//! Overview, Snapshot -> home | collector (what is shown, as text) -> templates/ -> answer
//! ```

mod collector;
mod definition;
mod figures;
mod fleet;
mod fleet_options;
mod frame;
mod home;
mod metrics;
mod options;
mod order;
mod plot;
mod rows;
mod tiles;

pub(super) use collector::{NAMES, answer as collector};
pub(super) use fleet::answer as fleet;
pub(super) use home::answer as home;
