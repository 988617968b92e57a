//! A collector that runs without functions which the role may not execute.

use tokio::time::Instant;

use super::{CollectorState, PAUSE, Text};
use crate::postgres::session::StatementKey;

/// What a collector does without for the time being.
#[derive(Clone, Debug)]
pub struct Reduced {
    /// The functions.
    pub denied: Vec<String>,
    /// The statement that has them.
    whole: Text,
    /// When the whole statement is tried again; `None` for the next execution.
    until: Option<Instant>,
}

impl CollectorState {
    /// The scrape begun at `start` found that the role may not execute these functions: another text is run for a while.
    pub fn do_without(&mut self, denied: Vec<String>, text: Text, key: StatementKey, start: Instant) {
        let reduced = std::mem::replace(&mut self.query, text);
        let whole = self.reduced.take().map_or(reduced, |before| before.whole);
        self.reduced = Some(Box::new(Reduced {
            denied,
            whole,
            until: Some(start + PAUSE),
        }));
        self.key = key;
        self.decoder = None;
    }

    /// The statement with all functions.
    pub(in crate::scrape) fn whole(&self) -> &Text {
        self.reduced
            .as_ref()
            .map_or(&self.query, |reduced| &reduced.whole)
    }

    /// The functions that it runs without.
    #[must_use]
    pub fn denied(&self) -> &[String] {
        self.reduced.as_ref().map_or(&[], |reduced| &reduced.denied)
    }

    /// Goes back to the whole statement, if a scrape that begins at `start` is to try that.
    pub fn try_whole(&mut self, start: Instant, key: impl FnMut() -> StatementKey) {
        let is_time = |reduced: &Reduced| reduced.until.is_none_or(|until| until <= start);
        if self.reduced.as_deref().is_some_and(is_time) {
            self.restore(key);
        }
    }

    /// Goes back to the whole statement.
    pub(super) fn restore(&mut self, mut key: impl FnMut() -> StatementKey) {
        if let Some(reduced) = self.reduced.take() {
            self.query = reduced.whole;
            self.key = key();
            self.decoder = None;
        }
    }

    /// The next execution tries the whole statement.
    pub(super) fn hope(&mut self) {
        if let Some(reduced) = &mut self.reduced {
            reduced.until = None;
        }
    }
}
