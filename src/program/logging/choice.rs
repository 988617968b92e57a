//! What of the log is wanted, and in which form.

use tracing::level_filters::LevelFilter;

/// Least severe messages that are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Failures that need a person.
    Error,
    /// What may become one.
    Warn,
    /// Start, stop, changes of state.
    #[default]
    Info,
    /// Each step.
    Debug,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `key=value` pairs.
    #[default]
    Logfmt,
    /// One JSON object per line.
    Json,
}

impl Level {
    /// The level of that name; the default, with a note, when there is none.
    pub(crate) fn or_default(name: Option<&str>, notes: &mut Vec<String>) -> Self {
        match name.map(str::to_ascii_lowercase).as_deref() {
            None | Some("info") => Self::Info,
            Some("error") => Self::Error,
            Some("warn" | "warning") => Self::Warn,
            Some("debug") => Self::Debug,
            Some(_) => {
                notes.push("--log.level is none of debug, info, warn, error: info is used".to_owned());
                Self::default()
            }
        }
    }

    pub(super) fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
        }
    }
}

impl Format {
    /// The form of that name; the default, with a note, when there is none.
    pub(crate) fn or_default(name: Option<&str>, notes: &mut Vec<String>) -> Self {
        match name.map(str::to_ascii_lowercase).as_deref() {
            None | Some("logfmt") => Self::Logfmt,
            Some("json") => Self::Json,
            Some(_) => {
                notes.push("--log.format is neither logfmt nor json: logfmt is used".to_owned());
                Self::default()
            }
        }
    }
}
