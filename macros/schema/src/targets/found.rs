//! What files say, value by value, before it is put together.

use std::collections::BTreeMap;

use crate::read::position::Location;
use crate::web::secret::Secret;

/// The value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// A text, or a time as it was written.
    Text(String),
    /// A text that is never shown.
    Secret(Secret),
    /// On or off.
    Switch(bool),
    /// A number.
    Whole(i64),
    /// Texts.
    List(Vec<String>),
    /// Names and texts.
    Labels(Vec<(String, String)>),
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The value.
    pub given: Given,
    /// Where.
    pub place: Location,
}

/// What is said of one target, its credentials or the defaults, by key.
pub type Keys = BTreeMap<&'static str, Placed>;

/// What all files say, before it is put together.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) defaults: Option<(Location, Keys)>,
    pub(super) credentials: BTreeMap<String, (Location, Keys)>,
    pub(super) targets: Vec<(Location, Keys)>,
}
