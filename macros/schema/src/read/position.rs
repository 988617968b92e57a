//! Where a value stands in its file.

use std::sync::Arc;

/// A position in a file. Line 0: unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
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
    pub position: Position,
}

/// A position and its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file, as it was given.
    pub file: Arc<str>,
    /// Where in it.
    pub position: Position,
}

impl Position {
    /// A position.
    #[must_use]
    pub fn new(line: u32, column: u32) -> Self {
        Self { line, column }
    }
}

impl<T> At<T> {
    /// A value at a position.
    pub fn new(value: T, position: Position) -> Self {
        Self { value, position }
    }
}

impl Location {
    pub(crate) fn new(file: &Arc<str>, position: Position) -> Self {
        Self {
            file: Arc::clone(file),
            position,
        }
    }

    /// `file:line`, for messages that point at a second place.
    pub(crate) fn brief(&self) -> String {
        format!("{}:{}", self.file, self.position.line)
    }
}
