//! The branches of a collector: at most one may be installed on a server, and none should be missing between two.

use std::collections::BTreeMap;

use crate::model::{Collector, OPEN, Tag, Text};
use crate::read::report::Report;
use crate::resolve::item::Item;

pub(crate) fn check(items: &[Item], report: &mut Report) {
    let mut groups: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
    for item in items {
        groups.entry(&item.collector.name).or_default().push(item);
    }
    for group in groups
        .values()
        .filter(|group| group.iter().any(|item| item.touched))
    {
        overlaps(group, report);
        gaps(group, report);
    }
}

fn overlaps(group: &[&Item], report: &mut Report) {
    for (at, second) in group.iter().enumerate() {
        for first in group.iter().take(at) {
            let (here, there) = if second.touched {
                (second, first)
            } else {
                (first, second)
            };
            let (a, b) = (&here.collector, &there.collector);
            if here.touched && !a.skip && !b.skip && versions_meet(a, b) && tags_agree(a, b) {
                let message = format!(
                    "branches `{}` ({}) and `{}` ({}, {}) can both be installed on one server; make their versions \
                     or tags exclude each other",
                    a.branch,
                    range(a),
                    b.branch,
                    range(b),
                    there.key.brief()
                );
                report.finding(&here.versions, message);
            }
        }
    }
}

fn versions_meet(a: &Collector, b: &Collector) -> bool {
    a.min_version < b.max_version && b.min_version < a.max_version
}

/// Whether there can be a server that both are for.
fn tags_agree(a: &Collector, b: &Collector) -> bool {
    let pgbouncer = |collector: &Collector| collector.has_tag(&Tag::Pgbouncer);
    pgbouncer(a) == pgbouncer(b)
        && databases_meet(a, b)
        && a.tags
            .iter()
            .all(|tag| b.tags.iter().all(|other| !exclude(tag, other)))
}

/// Whether there is a database that both are for: several tags `dbname:` mean any of these.
fn databases_meet(a: &Collector, b: &Collector) -> bool {
    let names = |collector: &Collector| -> Vec<Text> {
        let tags = collector.tags.iter();
        tags.filter_map(|tag| match tag {
            Tag::Database(name) => Some(name.clone()),
            _ => None,
        })
        .collect()
    };
    let (a, b) = (names(a), names(b));
    a.is_empty() || b.is_empty() || a.iter().any(|name| b.contains(name))
}

fn exclude(a: &Tag, b: &Tag) -> bool {
    match (a, b) {
        (Tag::Primary, Tag::Replica) | (Tag::Replica, Tag::Primary) => true,
        (Tag::Custom(tag), Tag::Not(not)) | (Tag::Not(not), Tag::Custom(tag)) => tag == not,
        // A connection has one role.
        (Tag::User(a), Tag::User(b)) => a != b,
        _ => false,
    }
}

fn gaps(group: &[&Item], report: &mut Report) {
    for role in [Tag::Primary, Tag::Replica] {
        let other = if role == Tag::Primary {
            Tag::Replica
        } else {
            Tag::Primary
        };
        for pgbouncer in [false, true] {
            let is_for = |item: &&&Item| {
                !item.collector.has_tag(&other) && item.collector.has_tag(&Tag::Pgbouncer) == pgbouncer
            };
            gaps_of_role(group.iter().filter(is_for).copied().collect(), report);
        }
    }
}

fn gaps_of_role(mut branches: Vec<&Item>, report: &mut Report) {
    branches.sort_by_key(|item| (item.collector.min_version, item.collector.max_version));
    let mut covered: Option<&Item> = None;
    for item in branches {
        if let Some(below) = covered.filter(|below| below.collector.max_version < item.collector.min_version)
        {
            let here = if item.touched { item } else { below };
            let message = format!(
                "no branch of `{}` is for versions {} to {}, between `{}` and `{}`",
                item.collector.name,
                below.collector.max_version,
                item.collector.min_version,
                below.collector.branch,
                item.collector.branch
            );
            report.warning(&here.versions, message);
        }
        if covered.is_none_or(|below| below.collector.max_version < item.collector.max_version) {
            covered = Some(item);
        }
    }
}

fn range(collector: &Collector) -> String {
    match (collector.min_version, collector.max_version) {
        (0, OPEN) => "all versions".to_owned(),
        (0, max) => format!("versions below {max}"),
        (min, OPEN) => format!("versions from {min}"),
        (min, max) => format!("versions {min} to {max}"),
    }
}
