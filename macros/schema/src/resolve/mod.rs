//! From what is written to the model: names are rendered, defaults filled in, files put over files, entries without a
//! query tune, and the set is checked as a whole.

pub(crate) mod check;
pub(crate) mod columns;
pub(crate) mod definition;
pub(crate) mod distinct;
pub(crate) mod exact;
pub(crate) mod item;
pub(crate) mod layer;
pub(crate) mod names;
pub(crate) mod server_settings;
pub(crate) mod set;
pub(crate) mod settings;
pub(crate) mod statement;
pub(crate) mod tags;
pub(crate) mod tune;
