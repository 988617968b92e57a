//! What kinds of failures there are.

/// What kind of failure it is: the `reason` label of the exporter's failure metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The statement or the scrape ran out of time.
    Timeout,
    /// A lock was not to be had in time.
    LockTimeout,
    /// The role may not do this.
    Permission,
    /// A column of the definition is not in the result, or a column of the statement is not on the server.
    MissingColumn,
    /// A relation, function, schema or parameter is not on the server.
    MissingObject,
    /// Series with the same labels; the first is kept.
    Duplicate,
    /// A value cannot be read as its definition says.
    Cast,
    /// The result, or a label of it, is larger than it may be.
    TooLarge,
    /// The connection could not be made, was lost, or was refused.
    Connection,
    /// Anything else the server says.
    Other,
}

impl Reason {
    /// All reasons, in the order of their label values in the documentation.
    pub const ALL: [Self; 10] = [
        Self::Timeout,
        Self::LockTimeout,
        Self::Permission,
        Self::MissingColumn,
        Self::MissingObject,
        Self::Duplicate,
        Self::Cast,
        Self::TooLarge,
        Self::Connection,
        Self::Other,
    ];

    /// The label value.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::LockTimeout => "lock_timeout",
            Self::Permission => "permission",
            Self::MissingColumn => "missing_column",
            Self::MissingObject => "missing_object",
            Self::Duplicate => "duplicate",
            Self::Cast => "cast",
            Self::TooLarge => "too_large",
            Self::Connection => "connection",
            Self::Other => "other",
        }
    }
}
