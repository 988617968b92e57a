//! Where a value stands in its file.

use std::sync::Arc;

/// A position in a file. Line 0: unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spot {
    /// Line from 1.
    pub line: u32,
    /// Column from 1, in characters.
    pub column: u32,
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub spot: Spot,
}

/// A position and its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: Arc<str>,
    pub(crate) spot: Spot,
}

impl Spot {
    /// A position.
    #[must_use]
    pub fn new(line: u32, column: u32) -> Self {
        Self { line, column }
    }
}

impl<T> At<T> {
    /// A value at a position.
    pub fn new(value: T, spot: Spot) -> Self {
        Self { value, spot }
    }
}

impl Place {
    pub(crate) fn new(file: &Arc<str>, spot: Spot) -> Self {
        Self {
            file: Arc::clone(file),
            spot,
        }
    }

    /// `file:line`, for messages that point at a second place.
    pub(crate) fn brief(&self) -> String {
        format!("{}:{}", self.file, self.spot.line)
    }
}
