//! How many connections a server has to spare, and so how many of them are ours by default.

use std::time::{Duration, Instant};

use super::deadline::within;
use super::failure::{Failure, Reason};
use super::permit::Permits;
use super::session::Session;
use crate::catalog::facts::Kind;

/// What is ours where nobody says how many: of what others leave free when they need the most, one in so many.
const SHARE_OF_FREE: u32 = 2;

/// At least so many are left free, but where that leaves us too few.
const LEFT: u32 = 16;

/// So few are ours however little there is: those of the health probe and two for scrapes.
pub const FEWEST: usize = 4;

/// So many that look at the same moment, each for itself, may take more at once and leave [`LEFT`].
const TAKERS: u32 = 3;

/// More are never taken without being told so: each is a process on the server.
const MOST: u32 = 512;

/// The first version of which this is asked.
const VERSION: u32 = 100_000;

/// Connections that others than superusers may have, those that clients and workers have now, the role's own limit, and those that
/// count for it.
const STATEMENT: &str = "\
SELECT pg_catalog.current_setting('max_connections')::pg_catalog.int8
         - pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int8
         - coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::pg_catalog.int8,
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_get_activity(NULL::pg_catalog.int4) AS a
         WHERE a.datid IS NOT NULL),
       (SELECT r.rolconnlimit::pg_catalog.int8 FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user),
       (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_get_activity(NULL::pg_catalog.int4) AS a
         WHERE a.usesysid = (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user))";

/// How many connections a server has to spare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Connections that others than superusers may have.
    pub usable: u32,
    /// Those that are there, ours among them.
    pub taken: u32,
    /// What the role may have, where it is limited.
    pub of_role: Option<u32>,
    /// What it has, ours among them.
    pub taken_by_role: u32,
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
            taken_by_role: number(row.try_get(3).map_err(unreadable)?),
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

    /// Our share beside so many that others had of late, where `ours` are open: at least `least`, as far as that is no more than half of
    /// what others leave now, and no more than are needed or the role may have.
    #[must_use]
    pub fn share(&self, others: u32, ours: usize, least: usize, needed: usize) -> usize {
        let number = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let free = self.usable.saturating_sub(others);
        let roomy = (free / SHARE_OF_FREE).min(free.saturating_sub(LEFT)).min(MOST);
        let half = self.usable.saturating_sub(self.others(ours)) / SHARE_OF_FREE;
        let share = number(roomy).max(least.min(number(half)));
        let of_role = self.of_role.map_or(usize::MAX, |limit| {
            let of_others = number(self.taken_by_role).saturating_sub(ours);
            number(limit).saturating_sub(of_others)
        });
        share.min(of_role).min(needed.max(least)).max(FEWEST)
    }

    /// How far to go at once from `now` to a share: others may be about to take theirs.
    #[must_use]
    pub fn step(&self, now: usize, share: usize) -> usize {
        let free = self.usable.saturating_sub(self.taken).saturating_sub(LEFT);
        share.min(now.saturating_add(usize::try_from(free / TAKERS).unwrap_or(usize::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMY: Room = Room {
        usable: 97,
        taken: 20,
        of_role: None,
        taken_by_role: 8,
    };

    #[test]
    fn half_of_what_others_leave_is_ours() {
        assert_eq!(ROOMY.others(8), 12);
        assert_eq!(ROOMY.share(12, 8, 8, 500), 42, "85 are not taken by others");
        assert_eq!(ROOMY.share(57, 8, 8, 500), 20, "40 are not");
        assert_eq!(ROOMY.share(72, 8, 8, 500), 9, "of 25 sixteen stay free");
        let huge = Room {
            usable: 10_000,
            ..ROOMY
        };
        assert_eq!(huge.share(12, 8, 8, 2_000), 512);
    }

    #[test]
    fn what_we_have_without_asking_gives_way_too() {
        let beside = |others: u32| {
            let room = Room {
                taken: others + 8,
                ..ROOMY
            };
            room.share(others.max(77), 8, 8, 500)
        };
        assert_eq!(beside(77), 8, "of 20 that others leave");
        assert_eq!(beside(85), 6, "half of 12");
        assert_eq!(beside(97), FEWEST);
        assert_eq!(beside(12), 8, "they had more of late");
    }

    #[test]
    fn no_more_than_are_needed_or_the_role_may_have() {
        assert_eq!(ROOMY.share(12, 8, 8, 13), 13);
        assert_eq!(ROOMY.share(12, 8, 8, 3), 8);
        for (limit, taken, share) in [(10, 8, 10), (10, 11, 7), (5, 5, 5), (1, 1, FEWEST)] {
            let limited = Room {
                of_role: Some(limit),
                taken_by_role: taken,
                ..ROOMY
            };
            assert_eq!(limited.share(12, 8, 8, 500), share, "{limit} {taken}");
        }
    }

    /// Exporters that look at the same moment leave what is to be left, however many there are of others.
    #[test]
    fn who_takes_at_once_leaves_some() {
        for exporters in 1..=TAKERS {
            for others in (0..80).step_by(7) {
                let room = Room {
                    taken: others + exporters * 8,
                    ..ROOMY
                };
                let share = room.share(room.others(8), 8, 8, 500);
                let all = exporters * u32::try_from(room.step(8, share)).unwrap_or(u32::MAX);
                let left = room.usable.saturating_sub(others + all);
                let had = room.usable.saturating_sub(room.taken);
                assert!(left >= LEFT.min(had), "{exporters} {others}: {left}");
            }
        }
        assert_eq!(ROOMY.step(30, 9), 9, "fewer are fewer at once");
    }
}
