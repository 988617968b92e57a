//! How a pooler is told from a server.

use std::time::Duration;

/// A statement limit as an option of the start-up exchange, and the proof that the server got it.
///
/// A pooler refuses options, or ignores them. Either way it is known before anything is set: settings made through it
/// would go to whoever gets the pooled connection next.
#[derive(Debug)]
pub(super) struct Guard {
    /// The connect timeout and some milliseconds that make it a value that nobody else has set.
    milliseconds: u128,
}

impl Guard {
    pub(super) fn new(limit: Duration) -> Self {
        let whole = limit.as_millis().clamp(1, 1_000_000);
        Self {
            milliseconds: whole / 1_000 * 1_000 + u128::from(fastrand::u32(1..1_000)) + 1_000,
        }
    }

    /// The options given, and the limit.
    pub(super) fn options(&self, given: Option<&str>) -> String {
        let ours = format!("-c statement_timeout={}", self.milliseconds);
        given.map_or_else(|| ours.clone(), |given| format!("{given} {ours}"))
    }

    /// The limit as the server shows it: never a whole number of seconds.
    pub(super) fn shown(&self) -> String {
        format!("{}ms", self.milliseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_given_are_kept() {
        let guard = Guard::new(Duration::from_secs(1));
        let milliseconds = guard.milliseconds;
        assert_eq!(
            guard.options(None),
            format!("-c statement_timeout={milliseconds}")
        );
        assert!(
            guard
                .options(Some("-c work_mem=1MB"))
                .starts_with("-c work_mem=1MB -c statement")
        );
        assert!(
            !milliseconds.is_multiple_of(1_000),
            "the server would show {milliseconds} in seconds"
        );
    }
}
