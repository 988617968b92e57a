//! A collector that runs without functions which the server denies.

use tokio::time::Instant;

use super::{CollectorState, PAUSE, Text};
use crate::postgres::denied::Without;
use crate::postgres::session::StatementKey;

/// What a collector does without for the time being.
#[derive(Clone, Debug)]
pub struct Reduced {
    /// The functions.
    pub functions: Without,
    /// The statement that has them.
    whole: Text,
    /// When the server is asked again whether they are denied; `None` for the next execution.
    until: Option<Instant>,
}

impl CollectorState {
    /// The scrape begun at `start` found that the server denies these functions of those that it can do without: none of
    /// them, and it goes back to the whole statement. `reduce` makes the text for the others. A text that changes gets a new key.
    pub fn deny(
        &mut self,
        functions: Without,
        reduce: impl FnOnce(&str) -> String,
        key: impl FnOnce() -> StatementKey,
        start: Instant,
    ) {
        let until = Some(start + PAUSE);
        match &mut self.reduced {
            Some(reduced) if reduced.functions == functions => {
                reduced.until = reduced.until.max(until);
                return;
            }
            None if functions.is_empty() => return,
            _ => {}
        }
        let whole = self.whole().clone();
        if functions.is_empty() {
            self.reduced = None;
            self.query = whole;
        } else {
            self.query = Text::Made(reduce(&whole).into());
            self.reduced = Some(Box::new(Reduced {
                functions,
                whole,
                until,
            }));
        }
        self.former = Some(std::mem::replace(&mut self.key, key()));
        self.decoder = None;
    }

    /// The statement with all functions.
    pub(super) fn whole(&self) -> &Text {
        self.reduced
            .as_ref()
            .map_or(&self.query, |reduced| &reduced.whole)
    }

    /// Takes another text of the same statement; whether it says the same.
    pub(super) fn replace_whole(&mut self, text: Text) -> bool {
        let is_the_same = **self.whole() == *text;
        match &mut self.reduced {
            Some(reduced) if is_the_same => reduced.whole = text,
            _ => {
                self.reduced = None;
                self.query = text;
            }
        }
        is_the_same
    }

    /// The functions that it runs without.
    #[must_use]
    pub fn without(&self) -> Without {
        let reduced = self.reduced.as_deref();
        reduced.map(|one| one.functions.clone()).unwrap_or_default()
    }

    /// Whether a scrape that begins at `start` asks the server which functions are denied still, before it runs the statement.
    #[must_use]
    pub fn asks_again(&self, start: Instant) -> bool {
        let is_time = |reduced: &Reduced| reduced.until.is_none_or(|until| until <= start);
        self.reduced.as_deref().is_some_and(is_time)
    }

    /// The next execution asks again.
    pub(super) fn hope(&mut self) {
        if let Some(reduced) = &mut self.reduced {
            reduced.until = None;
        }
    }

    /// Whether an answer to the statement of that key is one to this collector: another run may have found meanwhile what is
    /// denied, and given the statement another text.
    #[must_use]
    pub fn has_key(&self, key: StatementKey) -> bool {
        self.key == key || self.former == Some(key)
    }
}
