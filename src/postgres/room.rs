//! How many connections a server has to spare, and so how many of them are ours by default.

use std::time::{Duration, Instant};

use super::deadline::within;
use super::failure::{Failure, Reason};
use super::permit::Permits;
use super::session::Session;
use crate::catalog::facts::Kind;

/// What is ours where nobody says how many: of what others leave free when they need the most, one in so many.
const SHARE_OF_FREE: u32 = 2;

/// At least so many are left free.
const LEFT: u32 = 16;

/// More are never taken without being told so: each is a process on the server.
const MOST: u32 = 512;

/// The first version of which this is asked.
const VERSION: u32 = 100_000;

/// Connections that others than superusers may have, those that clients and workers have now, and the role's own limit.
const STATEMENT: &str = "\
SELECT pg_catalog.current_setting('max_connections')::pg_catalog.int8
         - pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int8
         - coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::pg_catalog.int8,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_get_activity(NULL::pg_catalog.int4) AS a
         WHERE a.datid IS NOT NULL),
       (SELECT r.rolconnlimit::pg_catalog.int8 FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user)";

/// How many connections a server has to spare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Connections that others than superusers may have.
    pub usable: u32,
    /// Those that are there, ours among them.
    pub taken: u32,
    /// What the role may have, where it is limited.
    pub of_role: Option<u32>,
}

impl Room {
    /// Asks a server, within the limit on it; `None` behind a pooler, whose connections are not ours, and where it cannot be told.
    ///
    /// # Errors
    /// What the server says, the loss of the connection, or a timeout.
    pub async fn read(session: &mut Session, limit: Duration) -> Result<Option<Self>, Failure> {
        if session.kind() != Kind::Postgres || session.version() < VERSION {
            return Ok(None);
        }
        let answer = session.one_row(None, STATEMENT, &[], limit);
        let row = within(Instant::now() + limit, answer)
            .await
            .map_err(|_| Failure::timeout("the server did not answer in time"))??;
        let unreadable = |_| Failure::new(Reason::Other, "the server's connections have an unexpected form");
        let number = |number: i64| u32::try_from(number).unwrap_or_default();
        let of_role: Option<i64> = row.try_get(2).map_err(unreadable)?;
        Ok(Some(Self {
            usable: number(row.try_get(0).map_err(unreadable)?),
            taken: number(row.try_get(1).map_err(unreadable)?),
            of_role: of_role.and_then(|limit| u32::try_from(limit).ok()),
        }))
    }

    /// Connections besides one for each database: those of the health probe, and one of a run beside the one that is on.
    #[must_use]
    pub fn besides(permits: &Permits) -> usize {
        permits.of_probe() + 1
    }

    /// How many of those that are there are others', where `ours` are open.
    #[must_use]
    pub fn others(&self, ours: usize) -> u32 {
        self.taken.saturating_sub(u32::try_from(ours).unwrap_or(u32::MAX))
    }

    /// Our share beside so many of others: at least `least`, and no more than are needed.
    #[must_use]
    pub fn share(&self, others: u32, least: usize, needed: usize) -> usize {
        let free = self.usable.saturating_sub(others);
        let share = (free / SHARE_OF_FREE).min(free.saturating_sub(LEFT)).min(MOST);
        let share = share.min(self.of_role.unwrap_or(MOST));
        usize::try_from(share).unwrap_or(least).min(needed).max(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMY: Room = Room {
        usable: 97,
        taken: 20,
        of_role: None,
    };

    #[test]
    fn half_of_what_others_leave_is_ours() {
        assert_eq!(ROOMY.others(8), 12);
        assert_eq!(ROOMY.share(12, 8, 500), 42, "85 are not taken by others");
        assert_eq!(ROOMY.share(57, 8, 500), 20, "40 are not");
        assert_eq!(ROOMY.share(72, 8, 500), 9, "of 25 sixteen stay free");
        assert_eq!(ROOMY.share(97, 8, 500), 8, "never less than without asking");
        let huge = Room {
            usable: 10_000,
            ..ROOMY
        };
        assert_eq!(huge.share(12, 8, 2_000), 512);
    }

    #[test]
    fn no_more_than_are_needed_or_the_role_may_have() {
        assert_eq!(ROOMY.share(12, 8, 13), 13);
        assert_eq!(ROOMY.share(12, 8, 3), 8);
        let limited = Room {
            of_role: Some(10),
            ..ROOMY
        };
        assert_eq!(limited.share(12, 8, 500), 10);
    }
}
