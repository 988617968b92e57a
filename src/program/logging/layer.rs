//! From an event to a line in the queue.

use std::sync::Arc;
use std::time::Instant;

use tracing::{Event, Level, Subscriber};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::choice::Format;
use super::limit::{Limit, is_of_client};
use super::line::Line;
use super::queue::{Queue, Reminder};
use crate::values::tell_target;

/// Makes lines of one form, of some of each kind.
pub(super) struct Lines {
    format: Format,
    limit: Arc<Limit>,
}

impl Lines {
    pub(super) fn new(format: Format, limit: Arc<Limit>) -> Self {
        Self { format, limit }
    }

    /// What there is to say that no event says.
    pub(super) fn reminder(&self) -> Reminder {
        let (format, limit) = (self.format, Arc::clone(&self.limit));
        Box::new(move |dropped| {
            let mut bytes = Vec::new();
            let (overdue, has_more) = limit.overdue(Instant::now());
            for held_back in overdue {
                let mut line = Line::new(held_back.level);
                line.text("message", "lines like this one were held back");
                line.text("like", &held_back.example);
                line.number("held_back", held_back.lines);
                bytes.extend(line.bytes(format));
            }
            if dropped > 0 {
                let mut line = Line::new(Level::WARN);
                line.text("message", "lines were dropped, since nobody read the log");
                line.number("dropped", dropped);
                bytes.extend(line.bytes(format));
            }
            (bytes, has_more)
        })
    }

    pub(super) fn into_layer(self, queue: Arc<Queue>) -> ToQueue {
        ToQueue { lines: self, queue }
    }
}

/// A layer of the log.
pub(super) struct ToQueue {
    lines: Lines,
    queue: Arc<Queue>,
}

impl<S: Subscriber> Layer<S> for ToQueue {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let normalized = event.normalized_metadata();
        let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
        let mut line = Line::new(*metadata.level());
        event.record(&mut line);
        let message = || line.message().to_owned();
        let Some(held_back) = self.lines.limit.admit(metadata, Instant::now(), message) else {
            return self.queue.holds_back();
        };
        let target = metadata.target();
        if !target.starts_with("pg_exporter") && !is_of_client(target) {
            line.text("library", target.split("::").next().unwrap_or_default());
        }
        tell_target(|name| line.text("target", name));
        if held_back > 0 {
            line.number("held_back", held_back);
        }
        self.queue.push(&line.bytes(self.lines.format));
    }
}
