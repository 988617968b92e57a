//! Starts the process' log.

use std::io;
use std::sync::{Arc, OnceLock};

use prometheus::IntCounter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer as _, Registry};

use super::choice::{Format, Level};
use super::layer::Lines;
use super::limit::Limit;
use super::queue::Queue;

/// The process has one log.
static LOG: OnceLock<Log> = OnceLock::new();

struct Log {
    queue: Arc<Queue>,
    limit: Arc<Limit>,
}

/// Starts the process' log, which also takes what libraries write through the `log` crate.
///
/// # Errors
/// When there is a log already, or no thread for it.
pub fn start(level: Level, format: Format) -> Result<(), Error> {
    let limit = Arc::new(Limit::default());
    let lines = Lines::new(format, Arc::clone(&limit));
    let queue = Queue::start(io::stderr(), lines.reminder())?;
    let layer = lines.into_layer(Arc::clone(&queue)).with_filter(targets(level));
    tracing::subscriber::set_global_default(Registry::default().with(layer))?;
    tracing_log::LogTracer::init_with_filter(tracing_log::AsLog::as_log(&libraries(level).filter()))?;
    let _ = LOG.set(Log { queue, limit });
    // The standard one writes to standard error itself, and would wait for its reader.
    std::panic::set_hook(Box::new(|panic| tracing::error!("a task panicked: {panic}")));
    Ok(())
}

/// From here on nothing waits for the log: what does not fit is dropped and counted, and of many lines of one kind some are
/// held back. Before, each line is one that somebody who starts the program is to read.
pub fn serving(dropped: IntCounter) {
    if let Some(log) = LOG.get() {
        log.queue.hurry(dropped);
        log.limit.begin();
    }
}

/// Writes what is queued, as long as somebody takes it.
pub fn flush() {
    if let Some(log) = LOG.get() {
        log.queue.flush();
    }
}

/// The log cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// By `tracing`.
    #[error("the log is started already: {0}")]
    Tracing(#[from] tracing::subscriber::SetGlobalDefaultError),
    /// By `log`.
    #[error("the log is started already: {0}")]
    Log(#[from] tracing_log::log::SetLoggerError),
    /// Not at all.
    #[error("the log has no thread: {0}")]
    Thread(#[from] io::Error),
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
    let names = [
        "tokio_postgres",
        "hyper",
        "hyper_util",
        "h2",
        "rustls",
        "tokio_rustls",
    ];
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
