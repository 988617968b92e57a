//! How large a result may be.

/// What is taken of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResultLimits {
    /// Rows.
    pub rows: u64,
    /// Bytes on the wire of all rows.
    pub bytes: u64,
}

impl Default for ResultLimits {
    fn default() -> Self {
        Self {
            rows: 1_000_000,
            bytes: 16 << 20,
        }
    }
}

/// The error code of a result that is too large: program limit exceeded.
pub(in crate::postgres) const TOO_LARGE: &str = "54000";

/// The longest error or notice that is passed on.
pub(super) const LONGEST_TEXT: u32 = 64 << 10;
