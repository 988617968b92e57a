//! The keys of an entry, whether it defines or tunes: set one by one, then those that depend on each other.

use super::item::Item;
use super::set::{Context, set};
use super::statement;
use crate::language::key::{Key, Takes};
use crate::language::near::did_you_mean;
use crate::model::Collector;
use crate::read::given::{Entry, Given, Pair, Written};
use crate::read::position::Location;
use crate::read::report::FileReport;
use crate::sql::without::calls;

pub(crate) use super::set::default_priority;

/// Sets what the entry says and leaves the rest. Columns are not set here.
pub(crate) fn apply(entry: &Entry, rank: usize, item: &mut Item, report: &mut FileReport<'_>) {
    let before = report.errors();
    let context = Context {
        owner: &entry.branch,
        rank,
    };
    let mut has_versions = false;
    let is_allowed = |key: &Key<Collector>| entry.is_definition() || key.is_tunable();
    for pair in entry.given.pairs.iter().filter(|pair| is_allowed(pair.key)) {
        let location = || Location::new(&report.file, pair.position);
        match pair.key.takes {
            Takes::Tags(_) => item.tags = location(),
            Takes::Version(_) => {
                item.versions = location();
                has_versions = true;
            }
            Takes::Statement(_) => item.query = location(),
            Takes::Predicates(_) => {
                if let Written::Predicates(list) = &pair.value {
                    let at = |given: &Given<_>| Location::new(&report.file, given.position);
                    item.predicates = list.iter().map(at).collect();
                }
            }
            _ => {}
        }
        if !matches!(pair.key.takes, Takes::Statement(_)) {
            set(pair, &mut item.collector, context, report);
        }
    }
    // Last, since it depends on the tags, and what stands in front of it must not be set anew.
    let statements = entry.given.pairs.iter();
    for pair in statements.filter(|pair| matches!(pair.key.takes, Takes::Statement(_))) {
        let is_console = statement::is_console(&item.collector);
        statement::query(pair, &entry.branch, is_console, &mut item.collector, report);
    }
    if entry.is_definition() && report.errors() == before {
        optional(entry, &item.collector, report);
    }
    if has_versions && report.errors() == before {
        versions(item, report);
    }
}

/// What a query does not call it need not do without: a name that is written wrong would be found out when the server denies it.
fn optional(entry: &Entry, collector: &Collector, report: &mut FileReport<'_>) {
    let is_list = |pair: &&Pair<Collector>| matches!(pair.key.takes, Takes::Functions(_));
    let Some(pair) = entry.given.pairs.iter().find(is_list) else {
        return;
    };
    let Written::Words(words) = &pair.value else {
        return;
    };
    let key = pair.key.name;
    let called = calls(&collector.query);
    for word in words {
        let name = word.value.trim();
        if !called.contains(&name) {
            let hint = match did_you_mean(name, called.iter().copied()) {
                hint if hint.is_empty() => "; remove it".to_owned(),
                hint => hint,
            };
            report.error(
                word.position,
                format!(
                    "`{key}` lists `{name}`, but the query has no call `pg_catalog.{name}(…)` to leave out{hint}"
                ),
            );
        }
    }
}

fn versions(item: &Item, report: &mut FileReport<'_>) {
    let (min, max) = (item.collector.min_version, item.collector.max_version);
    if min >= max {
        let message = format!(
            "`min_version` {min} is not below `max_version` {max}, which is exclusive; it fits no server"
        );
        report.error(item.versions.position, message);
    }
}
