//! The log: to standard error, as logfmt or JSON.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer as _, Registry};

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

    fn filter(self) -> LevelFilter {
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

/// Starts the process' log, which also takes what libraries write through the `log` crate.
///
/// # Errors
/// When there is a log already.
pub fn start(level: Level, format: Format) -> Result<(), Error> {
    let layer = match format {
        Format::Logfmt => tracing_logfmt::builder()
            .with_target(false)
            .layer()
            .with_writer(io::stderr)
            .boxed(),
        Format::Json => tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(io::stderr)
            .boxed(),
    };
    tracing::subscriber::set_global_default(Registry::default().with(layer.with_filter(targets(level))))?;
    tracing_log::LogTracer::init_with_filter(tracing_log::AsLog::as_log(&libraries(level).filter()))?;
    Ok(())
}

/// The log was started twice.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// By `tracing`.
    #[error("the log is started already: {0}")]
    Tracing(#[from] tracing::subscriber::SetGlobalDefaultError),
    /// By `log`.
    #[error("the log is started already: {0}")]
    Log(#[from] tracing_log::log::SetLoggerError),
}

/// The driver writes each notice of the server at level info: that is for those who look for a fault.
fn libraries(level: Level) -> Level {
    if level == Level::Debug {
        level
    } else {
        level.min(Level::Warn)
    }
}

fn targets(level: Level) -> Targets {
    let libraries = libraries(level).filter();
    let names = ["tokio_postgres", "hyper", "rustls"];
    Targets::new()
        .with_default(level.filter())
        .with_targets(names.map(|name| (name, libraries)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level as Severity;

    #[test]
    fn notices_of_the_server_are_for_debugging() {
        let table = [
            (Level::Info, "pg_exporter::web", Severity::INFO, true),
            (Level::Info, "pg_exporter::web", Severity::DEBUG, false),
            (Level::Info, "tokio_postgres::connection", Severity::INFO, false),
            (Level::Info, "tokio_postgres::connection", Severity::WARN, true),
            (Level::Error, "tokio_postgres::connection", Severity::WARN, false),
            (Level::Debug, "tokio_postgres::connection", Severity::INFO, true),
            (Level::Error, "pg_exporter", Severity::WARN, false),
        ];
        for (level, target, severity, expected) in table {
            assert_eq!(
                targets(level).would_enable(target, &severity),
                expected,
                "{level:?} {target} {severity}"
            );
        }
    }
}
