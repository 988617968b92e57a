//! Whether anybody gets in where a server has no place left for one more connection.
//!
//! Nobody can try it there. Its places may be those of clients that it serves, which is no failure of the server, or of clients that it
//! does not let in, as where storage hangs while applications connect again. The session that is kept sees who is in: a crowd is
//! *stuck* where some places are not theirs, and nobody new has got in for as long as a client would wait.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use super::door::Shut;
use super::snapshot::State;
use crate::postgres::failure::Failure;
use crate::postgres::session::{Session, StatementKey};

/// For so long nobody gets in.
const LONG: Duration = Duration::from_secs(6);

/// So many places are not of those who are in: one may be of a client that takes its time to say who it is.
const LEAST: usize = 2;

/// The first version that tells what its processes are.
const TELLS_KINDS: u32 = 100_000;

/// Those who are in. One who is on its way has no role yet, or is not shown. What others are is hidden from most roles: then they
/// count, whatever they are. Some places are reserved, by the server or by what a service or an extension adds. All of it is in memory.
const WHO_IS_IN: (StatementKey, &str) = (
    StatementKey(8),
    "SELECT pg_catalog.current_setting('max_connections'), \
     pg_catalog.current_setting('superuser_reserved_connections'), \
     pg_catalog.current_setting('reserved_connections', true), \
     pg_catalog.current_setting('rds.rds_superuser_reserved_connections', true), \
     pg_catalog.current_setting('citus.max_client_connections', true), \
     pg_catalog.string_agg(a.pid::pg_catalog.text, ',') \
     FROM pg_catalog.pg_stat_get_activity(NULL) a \
     WHERE a.usesysid IS NOT NULL AND coalesce(a.backend_type, 'client backend') \
     OPERATOR(pg_catalog.=) ANY ('{client backend,walsender}')",
);

/// What was seen of a crowd.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// Those who were in, and since when nobody else is.
    seen: Option<(HashSet<u32>, Instant)>,
}

impl Crowd {
    /// There is a place, or none is looked for.
    pub(super) fn forget(&mut self) {
        self.seen = None;
    }

    /// Looks who is in. The caller bounds it.
    ///
    /// # Errors
    /// What the server says.
    pub(super) async fn look(&mut self, session: &mut Session, limit: Duration) -> Result<(), Failure> {
        if session.version() < TELLS_KINDS {
            return Ok(());
        }
        let (key, sql) = WHO_IS_IN;
        let row = session.one_row(Some(key), sql, &[], limit).await?;
        let text = |column| row.try_get::<_, Option<&str>>(column).ok().flatten();
        let number = |column| {
            text(column)
                .and_then(|text| text.parse::<usize>().ok())
                .unwrap_or(0)
        };
        let reserved = number(1) + number(2) + number(3);
        let places = number(0).saturating_sub(reserved);
        // -1 is no limit.
        let places = Some(number(4))
            .filter(|most| *most > 0)
            .map_or(places, |most| most.min(places));
        let pids = text(5).unwrap_or_default().split(',');
        self.sees(places, pids.filter_map(|pid| pid.parse().ok()).collect());
        Ok(())
    }

    /// Those who are in, of so many places.
    fn sees(&mut self, places: usize, pids: HashSet<u32>) {
        let is_somebody_stuck = pids.len() + LEAST <= places;
        let since = match self.seen.take() {
            Some((known, since)) if pids.is_subset(&known) => since,
            _ => Instant::now(),
        };
        self.seen = is_somebody_stuck.then_some((pids, since));
    }

    /// Why nobody is let in, if that is so.
    pub(super) fn shut(&self) -> Option<Shut> {
        let (pids, since) = self.seen.as_ref()?;
        (since.elapsed() >= LONG).then(|| Shut {
            state: State::Down,
            reason: format!(
                "every place is taken, of {} clients that are in and of others that are not let in",
                pids.len()
            )
            .into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const PLACES: usize = 10;

    /// Whether it is stuck when so many are in at each second, the first of that number.
    async fn stuck(seconds: impl Iterator<Item = (u32, u32)>) -> Vec<bool> {
        let (mut crowd, mut stuck) = (Crowd::default(), Vec::new());
        for (first, count) in seconds {
            crowd.sees(PLACES, (first..first + count).collect());
            stuck.push(crowd.shut().is_some());
            advance(Duration::from_secs(1)).await;
        }
        stuck
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_places_are_of_those_who_are_in_nobody_is_stuck() {
        assert_eq!(stuck((0..60).map(|_| (0, 10))).await, [false; 60]);
        assert_eq!(
            stuck((0..60).map(|_| (0, 9))).await,
            [false; 60],
            "one comes late"
        );
        // Superusers are in places of their own.
        assert_eq!(stuck((0..60).map(|_| (0, 13))).await, [false; 60]);
    }

    #[tokio::test(start_paused = true)]
    async fn where_somebody_gets_in_now_and_then_nobody_is_stuck() {
        assert_eq!(stuck((0..60).map(|second| (second / 5, 7))).await, [false; 60]);
    }

    #[tokio::test(start_paused = true)]
    async fn where_nobody_gets_in_they_are() {
        let found = stuck((0..20).map(|second| (second / 12, 5))).await;
        let expected: Vec<_> = (0..20)
            .map(|second| (6..12).contains(&second) || second >= 18)
            .collect();
        assert_eq!(found, expected, "and not any more once somebody has got in");
        // That they leave is no way in.
        let found = stuck((0..20).map(|second| (0, 8 - second / 4))).await;
        assert!(found.into_iter().skip(6).all(|stuck| stuck));
    }
}
