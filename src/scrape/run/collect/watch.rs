//! For how long the exporter had nothing to do but wait for an answer: what the server took for it at least.

use std::time::Duration;

use tokio::time::Instant;

use crate::scrape::run::timing::{BY_WAITING, SLACK, Took};
use crate::values::thread_time;

/// Follows a pipeline of answers.
#[derive(Debug)]
pub(in crate::scrape) struct Watch {
    /// The server was not done before with the statements that were answered until then.
    since: Instant,
    /// What the first answer takes to come back however little its statement takes.
    way: Duration,
    /// What the thread had worked when that was looked at last.
    worked: Duration,
}

impl Watch {
    /// The statements are about to be sent to a server that answers in so much time.
    pub(in crate::scrape) fn new(round_trip: Duration) -> Self {
        Self {
            since: Instant::now(),
            way: round_trip,
            worked: thread_time(),
        }
    }

    /// The next answer has come, or has not come, and the exporter was at it for so long: what of that the thread did nothing. It
    /// may have been at the answers of other databases.
    pub(in crate::scrape) fn waited(&mut self, passed: Duration) -> Took {
        let now = Instant::now();
        let at_most = now.saturating_duration_since(self.since);
        let passed = passed.saturating_sub(std::mem::take(&mut self.way));
        let mut meanwhile = Duration::ZERO;
        if passed >= SLACK {
            let worked = thread_time();
            meanwhile = worked.saturating_sub(std::mem::replace(&mut self.worked, worked));
        }
        let waited = passed.saturating_sub(meanwhile);
        if waited >= BY_WAITING {
            self.since = now.checked_sub(meanwhile).unwrap_or(now);
        }
        Took {
            waited,
            at_most,
            timed: None,
        }
    }
}

/// The time between two marks, if it has a place in so long a time: the server's clock may be set meanwhile.
pub(in crate::scrape) fn between(
    began: Option<f64>,
    ended: Option<f64>,
    passed: Duration,
) -> Option<Duration> {
    let time = Duration::try_from_secs_f64(ended? - began?).ok()?;
    (time <= passed + SLACK).then_some(time)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn the_way_there_and_back_is_not_the_servers() {
        let mut watch = Watch::new(MILLISECOND * 80);
        assert_eq!(watch.waited(MILLISECOND * 79).waited, Duration::ZERO);
        assert_eq!(watch.waited(MILLISECOND * 2).waited, MILLISECOND * 2);
        let slow = watch.waited(MILLISECOND * 5_000).waited;
        assert!(slow > MILLISECOND * 4_000, "{slow:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn work_is_no_wait() {
        let mut watch = Watch::new(Duration::ZERO);
        let before = thread_time();
        while thread_time() < before + MILLISECOND * 20 {
            std::hint::spin_loop();
        }
        assert!(watch.waited(MILLISECOND * 25).waited <= MILLISECOND * 5);
        let again = watch.waited(MILLISECOND * 25).waited;
        assert!(again > MILLISECOND * 5, "that was counted before: {again:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_takes_no_longer_than_since_the_last_one_that_was_waited_for() {
        let mut watch = Watch::new(Duration::ZERO);
        advance(MILLISECOND * 5).await;
        assert_eq!(watch.waited(MILLISECOND * 5).at_most, MILLISECOND * 5);
        // It was there already.
        advance(MILLISECOND * 3).await;
        assert_eq!(watch.waited(Duration::ZERO).at_most, MILLISECOND * 3);
        advance(MILLISECOND * 4).await;
        assert_eq!(watch.waited(MILLISECOND).at_most, MILLISECOND * 7);
    }

    #[test]
    fn a_clock_that_is_set_times_nothing() {
        let passed = MILLISECOND * 60;
        let time = between(Some(1_000.0), Some(1_000.05), passed).map(|time| time.as_millis());
        assert_eq!(time, Some(50));
        for (began, ended) in [
            (Some(1_000.0), Some(999.0)),
            (Some(1_000.0), Some(4_600.0)),
            (Some(1_000.0), Some(f64::NAN)),
            (None, Some(1_000.0)),
            (Some(1_000.0), None),
        ] {
            assert_eq!(between(began, ended, passed), None, "{began:?} {ended:?}");
        }
    }
}
