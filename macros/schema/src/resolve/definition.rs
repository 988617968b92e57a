//! From an entry that has a query to a branch.

use super::item::Item;
use super::{columns, settings};
use crate::model::{Collector, List, Origin};
use crate::read::given::Entry;
use crate::read::position::Location;
use crate::read::report::FileReport;

/// Resolves a definition. `None`: mistakes have been reported.
pub(crate) fn definition(
    entry: &Entry,
    rank: usize,
    directory: usize,
    report: &mut FileReport<'_>,
) -> Option<Item> {
    let before = report.errors();
    let key = Location::new(&report.file, entry.given.position);
    let mut item = Item::new(blank(entry, rank, &report.file), key, directory);
    if !entry.is_definition() {
        let message = format!("`{}` has no `query`; write one statement", entry.branch);
        report.error(entry.given.position, message);
    }
    settings::apply(entry, rank, &mut item, report);
    columns::define(entry, &mut item, report);
    let sound = !entry.given.broken && report.errors() == before;
    sound.then_some(item)
}

/// The definition before its keys are set.
fn blank(entry: &Entry, rank: usize, file: &str) -> Collector {
    Collector {
        branch: entry.branch.clone().into(),
        name: entry.branch.clone().into(),
        priority: settings::default_priority(rank),
        origin: Origin {
            file: file.to_owned().into(),
            line: entry.given.position.line,
            query_line: entry.given.pair("query").map_or(0, |query| query.position.line),
            proven: List::default(),
        },
        ..Collector::default()
    }
}
