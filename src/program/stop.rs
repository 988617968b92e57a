//! Why the program ends without doing what was asked.

/// The program cannot do what was asked, with the code it ends with. The text is one line where it can be.
#[derive(Debug)]
pub(crate) struct Stop {
    /// What to tell the operator.
    pub(crate) message: String,
    /// Exit code: 1 for what the command line and files say, 2 for what the target does.
    pub(crate) code: u8,
}

impl Stop {
    /// The exit code where there is nothing more to say than that the target is down.
    pub(crate) const UNREACHABLE: u8 = 2;

    /// The command line, the environment or a file cannot be used.
    pub(crate) fn usage(error: impl std::fmt::Display) -> Self {
        Self {
            message: error.to_string(),
            code: 1,
        }
    }

    /// The exporter cannot be made of what was asked.
    pub(crate) fn failure(error: impl std::fmt::Display) -> Self {
        Self {
            message: error.to_string(),
            code: 2,
        }
    }
}
