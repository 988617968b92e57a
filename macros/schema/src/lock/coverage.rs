//! Whether the servers that were recorded are all that a branch says it is for.

use std::collections::BTreeSet;

use super::record::{Entry, Lock};
use super::server::{Role, release_of, releases, shown_releases};
use crate::model::{Collector, OPEN, Tag};

/// What the recorded servers say of a branch's range.
pub(crate) enum Coverage {
    /// Each part of it is proven.
    Whole,
    /// No server could tell, and why.
    Admitted(String),
    /// Some of it is proven by none.
    Lacks(String),
}

pub(crate) fn coverage(collector: &Collector, lock: &Lock, entry: &Entry) -> Coverage {
    let is_console = collector.has_tag(&Tag::Pgbouncer);
    let role = if is_console {
        Some(Role::Pgbouncer)
    } else if collector.has_tag(&Tag::Replica) {
        Some(Role::Standby)
    } else if collector.has_tag(&Tag::Primary) {
        Some(Role::Primary)
    } else {
        None
    };
    let is_for = |of: Role| role.map_or(of != Role::Pgbouncer, |role| role == of);
    let asked = entry.answers.iter().map(|(server, _)| server);
    let asked = asked.filter(|server| is_for(server.role) && in_range(collector, server.release));
    let asked: BTreeSet<u32> = asked.map(|server| server.release).collect();
    let Some((first, last)) = asked.first().zip(asked.last()) else {
        return match &entry.unproven {
            Some(why) => Coverage::Admitted(why.clone()),
            None => Coverage::Lacks(range(collector, role)),
        };
    };
    // Releases of pgbouncer are too many to be had; one that is in the range does.
    if is_console {
        return Coverage::Whole;
    }
    // What needs more than a version need not be on every server that was asked.
    let (lowest, highest) = if is_conditional(collector) {
        (*first, *last)
    } else {
        known(lock, is_for).unwrap_or((*first, *last))
    };
    let from = match collector.min_version {
        0 => lowest,
        min => release_of(min, Role::Primary),
    };
    let to = match collector.max_version {
        OPEN => highest,
        max => release_of(max.saturating_sub(1), Role::Primary),
    };
    let lacking: Vec<u32> = releases(from, to)
        .filter(|release| in_range(collector, *release) && !asked.contains(release))
        .collect();
    // Where nobody had a server at all, the lock has no word on any statement: that is to be seen, not to be mended.
    let (within, beyond): (Vec<u32>, Vec<u32>) = lacking
        .into_iter()
        .partition(|release| (lowest..=highest).contains(release));
    if !within.is_empty() {
        return Coverage::Lacks(format!("on PostgreSQL {}", shown_releases(&within)));
    }
    if beyond.is_empty() {
        return Coverage::Whole;
    }
    let shown = shown_releases(&beyond);
    Coverage::Admitted(format!("no server of PostgreSQL {shown} was asked"))
}

/// The lowest and the highest release of which anything is recorded.
fn known(lock: &Lock, is_for: impl Fn(Role) -> bool) -> Option<(u32, u32)> {
    let all = lock.entries.values().flat_map(|entry| &entry.answers);
    let of_role = all.filter(|(server, _)| is_for(server.role));
    let releases: BTreeSet<u32> = of_role.map(|(server, _)| server.release).collect();
    releases.first().copied().zip(releases.last().copied())
}

/// Whether some version of a release is in the collector's range.
fn in_range(collector: &Collector, release: u32) -> bool {
    let step = if release < 100_000 { 100 } else { 10_000 };
    release < collector.max_version && collector.min_version < release + step
}

/// Whether it takes more than a version for it to be installed and run.
fn is_conditional(collector: &Collector) -> bool {
    let is_condition = |tag: &Tag| {
        !matches!(
            tag,
            Tag::Cluster | Tag::Primary | Tag::Replica | Tag::Pgbouncer | Tag::Custom(_) | Tag::Not(_)
        )
    };
    !collector.predicates.is_empty() || collector.tags.iter().any(is_condition)
}

fn range(collector: &Collector, role: Option<Role>) -> String {
    let versions = match (collector.min_version, collector.max_version) {
        (0, OPEN) => String::new(),
        (0, max) => format!(" below version {max}"),
        (min, OPEN) => format!(" from version {min} on"),
        (min, max) => format!(" from version {min} to below {max}"),
    };
    let what = match role {
        Some(Role::Primary) => "on a primary",
        Some(Role::Standby) => "on a standby",
        Some(Role::Pgbouncer) => "on pgbouncer",
        None => "on PostgreSQL",
    };
    format!("{what}{versions}")
}
