//! What is known of a branch as a whole: the versions that prove it, the types of its columns.

use super::kind::{Recorded, recorded};
use super::locks::Locks;
use super::record::{Entry, Part, Statement};
use super::server::{Release, Role, release_of, shown_releases};
use crate::lock::fingerprint::fingerprint;
use crate::model::{Collector, Column, Tag};

/// What is recorded of a branch's query, be it of this text or of one before; `None` when nothing is.
fn recorded_query<'a>(locks: &'a Locks, collector: &Collector) -> Option<&'a Entry> {
    let (_, lock) = locks.beside(collector)?;
    let statement = Statement {
        branch: collector.branch.to_string(),
        part: Part::Query,
    };
    lock.entries.get(&statement)
}

/// What is recorded of a branch's query as it is written now; `None` when that is nothing, or of another text.
fn query<'a>(locks: &'a Locks, collector: &Collector) -> Option<&'a Entry> {
    let entry = recorded_query(locks, collector)?;
    let is_same = entry.fingerprint == fingerprint(&collector.query, &collector.search_path);
    is_same.then_some(entry)
}

/// What is recorded of a column. An edit of the text alone changes no field: that it is to be recorded anew is said elsewhere, and
/// that a row does not fit when there is one.
pub(crate) fn column(locks: &Locks, collector: &Collector, column: &Column) -> Option<Recorded> {
    recorded(column, recorded_query(locks, collector)?.columns())
}

impl Collector {
    /// On which releases its statement was prepared when it was recorded, and whether a server of that version is one of them:
    /// `on 10-18`, or `on 10-18; this is 19`. `None` when nothing is recorded; version 0 is unknown.
    #[must_use]
    pub fn proof(&self, version: u32) -> Option<String> {
        let proven = &self.origin.proven;
        if proven.is_empty() {
            return None;
        }
        let shown = format!("on {}", shown_releases(proven));
        if version == 0 || self.is_proven(version) {
            return Some(shown);
        }
        Some(format!("{shown}; this is {}", Release(self.release_of(version))))
    }

    /// Whether its statement was prepared on that version's release when it was recorded.
    #[must_use]
    pub fn is_proven(&self, version: u32) -> bool {
        self.origin.proven.contains(&self.release_of(version))
    }

    fn release_of(&self, version: u32) -> u32 {
        let role = if self.has_tag(&Tag::Pgbouncer) {
            Role::Pgbouncer
        } else {
            Role::Primary
        };
        release_of(version, role)
    }
}

impl Locks {
    /// Notes in each collector on which releases its statement was prepared.
    pub fn attach(&self, collectors: &mut [Collector]) {
        for collector in collectors {
            let Some(entry) = query(self, collector) else {
                continue;
            };
            let mut releases: Vec<u32> = entry.columns().map(|(server, _)| server.release).collect();
            releases.sort_unstable();
            releases.dedup();
            collector.origin.proven = releases.into();
        }
    }

    /// The types of a column as servers name them: `int8`, or `float8 on 10-13; numeric on 14-18`. `None` when no server
    /// showed it.
    #[must_use]
    pub fn sql_type(&self, collector: &Collector, of: &Column) -> Option<String> {
        Some(column(self, collector, of)?.sql)
    }

    /// Why no server could prove a branch; `None` when one did, or nothing is recorded.
    #[must_use]
    pub fn unproven(&self, collector: &Collector) -> Option<&str> {
        query(self, collector)?.unproven.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_beside_those_that_prove_it_is_named() {
        let mut collector = Collector::default();
        assert_eq!(collector.proof(180_000), None);
        collector.origin.proven = vec![100_000, 110_000, 180_000].into();
        assert_eq!(collector.proof(180_003).as_deref(), Some("on 10-11, 18"));
        assert_eq!(collector.proof(0).as_deref(), Some("on 10-11, 18"));
        assert_eq!(
            collector.proof(190_001).as_deref(),
            Some("on 10-11, 18; this is 19")
        );
        collector.tags = vec![Tag::Pgbouncer].into();
        collector.origin.proven = vec![11_800].into();
        assert_eq!(collector.proof(11_802).as_deref(), Some("on 1.18"));
        assert_eq!(collector.proof(12_501).as_deref(), Some("on 1.18; this is 1.25"));
    }
}
