//! Text that never reaches a log, a page or a debugger's output.

use std::fmt;

/// A password or pass phrase.
///
/// The bytes are kept as they came: a password need not be UTF-8. `Debug` and `Display` print a mask, so that a
/// secret in a struct that derives `Debug` stays one.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// What stands for a secret wherever something is printed; its length says nothing about the secret's.
pub const MASK: &str = "********";

impl Secret {
    /// Takes the bytes out of circulation.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes themselves, for the driver and the key decoder only.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}
