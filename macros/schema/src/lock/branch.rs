//! A branch that is judged, and what is found about it.

use crate::model::Collector;
use crate::read::position::Location;
use crate::resolve::item::Places;

/// A branch, and what is needed to speak of it.
pub(crate) struct Branch<'a> {
    pub(crate) collector: &'a Collector,
    pub(crate) places: &'a Places,
    /// The text of its file, empty where there is none.
    pub(crate) file: &'a str,
}

/// What is wrong, where, and whether the lock itself says that it cannot be known.
pub(crate) struct Finding {
    pub(crate) at: Location,
    pub(crate) message: String,
    pub(crate) is_admitted: bool,
}

impl Finding {
    pub(crate) fn new(at: &Location, message: String) -> Self {
        Self {
            at: at.clone(),
            message,
            is_admitted: false,
        }
    }
}
