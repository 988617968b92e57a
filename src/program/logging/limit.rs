//! As many lines of one kind as a person reads.
//!
//! A kind is a place in the code. It may write a number of lines in a period; what more there would be is held back, and
//! counted on the first line of the next period, or in a line of its own where none comes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Level, Metadata};

/// Lines of the exporter's own of one kind, per period: some databases fail beside each other, 2,000 are one trouble.
const OWN: Rule = Rule {
    lines: 20,
    period: Duration::from_secs(10),
};

/// What clients do, and what libraries say of them: they decide how often, and need no name and password for it.
const CLIENTS: Rule = Rule {
    lines: 1,
    period: Duration::from_secs(60),
};

/// The target of events about what clients do.
const CLIENT: &str = "client";

#[derive(Clone, Copy, Debug)]
struct Rule {
    lines: u32,
    period: Duration,
}

/// See the module. Until it begins, every line may be written.
#[derive(Debug, Default)]
pub(super) struct Limit {
    is_on: AtomicBool,
    kinds: Mutex<HashMap<(Identifier, String), Window>>,
}

#[derive(Debug)]
struct Window {
    begun: Instant,
    written: u32,
    held_back: u64,
    period: Duration,
    /// What a line that was held back said.
    example: Option<(Level, String)>,
}

/// Lines that were held back and that no line of their kind has told of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HeldBack {
    pub(super) level: Level,
    pub(super) example: String,
    pub(super) lines: u64,
}

impl Limit {
    pub(super) fn begin(&self) {
        self.is_on.store(true, Ordering::Relaxed);
    }

    /// Whether a line may be written now; then, how many of its kind were held back before it. `message` makes an example.
    pub(super) fn admit(
        &self,
        metadata: &Metadata<'_>,
        now: Instant,
        message: impl FnOnce() -> String,
    ) -> Option<u64> {
        // Who looks for a fault wants each step.
        if !self.is_on.load(Ordering::Relaxed) || *metadata.level() > Level::INFO {
            return Some(0);
        }
        let rule = if metadata.target().starts_with("pg_exporter") {
            OWN
        } else {
            CLIENTS
        };
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = (metadata.callsite(), metadata.target().to_owned());
        let window = kinds.entry(kind).or_insert_with(|| Window::new(now, rule.period));
        let mut held_back = 0;
        if now >= window.begun + rule.period {
            held_back = window.held_back;
            *window = Window::new(now, rule.period);
        }
        if window.written < rule.lines {
            window.written += 1;
            return Some(held_back);
        }
        window.held_back += 1;
        window
            .example
            .get_or_insert_with(|| (*metadata.level(), message()));
        None
    }

    /// What was held back in periods that are over, and whether there is something in others.
    pub(super) fn overdue(&self, now: Instant) -> (Vec<HeldBack>, bool) {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |window: &Window| now >= window.begun + window.period;
        let told = kinds
            .values_mut()
            .filter(|window| over(window))
            .filter_map(|window| {
                let (level, example) = window.example.take()?;
                let lines = std::mem::take(&mut window.held_back);
                Some(HeldBack {
                    level,
                    example,
                    lines,
                })
            });
        let told = told.collect();
        kinds.retain(|_, window| !over(window));
        let has_more = kinds.values().any(|window| window.example.is_some());
        (told, has_more)
    }
}

impl Window {
    fn new(begun: Instant, period: Duration) -> Self {
        Self {
            begun,
            written: 0,
            held_back: 0,
            period,
            example: None,
        }
    }
}

/// Whether an event is about what a client does.
pub(super) fn is_of_client(target: &str) -> bool {
    target == CLIENT
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Metadata of three places.
    fn places() -> [&'static Metadata<'static>; 3] {
        use tracing::callsite::Callsite as _;
        macro_rules! place {
            ($target:expr, $level:expr) => {{
                static PLACE: tracing::callsite::DefaultCallsite =
                    tracing::callsite::DefaultCallsite::new(&META);
                static META: Metadata<'static> = tracing::metadata! {
                    name: "event",
                    target: $target,
                    level: $level,
                    fields: &[],
                    callsite: &PLACE,
                    kind: tracing::metadata::Kind::EVENT
                };
                PLACE.metadata()
            }};
        }
        [
            place!("pg_exporter::scrape", Level::WARN),
            place!("h2::codec", Level::WARN),
            place!("pg_exporter::scrape", Level::DEBUG),
        ]
    }

    #[test]
    fn two_thousand_databases_are_twenty_lines() {
        let ([own, library, debug], limit, now) = (places(), Limit::default(), Instant::now());
        let admit = |place, now| limit.admit(place, now, || "it failed".to_owned());
        assert!(
            (0..100).all(|_| admit(own, now) == Some(0)),
            "before it serves, all"
        );
        limit.begin();
        let written = (0..2000).filter(|_| admit(own, now).is_some()).count();
        assert_eq!(written, 20);
        assert_eq!((admit(library, now), admit(library, now)), (Some(0), None));
        assert!((0..2000).all(|_| admit(debug, now) == Some(0)));
        let later = now + OWN.period;
        assert_eq!((admit(own, later), admit(own, later)), (Some(1980), Some(0)));
        assert_eq!(admit(library, later), None);
        assert_eq!(admit(library, now + CLIENTS.period), Some(2));
    }

    #[test]
    fn what_no_line_tells_of_is_told_once() {
        let ([own, ..], limit, now) = (places(), Limit::default(), Instant::now());
        limit.begin();
        for number in 0..25 {
            let _ = limit.admit(own, now, || format!("failure {number}"));
        }
        assert_eq!(limit.overdue(now), (Vec::new(), true));
        let expected = HeldBack {
            level: Level::WARN,
            example: "failure 20".to_owned(),
            lines: 5,
        };
        assert_eq!(limit.overdue(now + OWN.period), (vec![expected], false));
        assert_eq!(limit.overdue(now + OWN.period), (Vec::new(), false));
    }
}
