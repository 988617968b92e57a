//! Pass 2: from raw definitions to the model. Names are rendered, defaults filled in, texts made ready; finds what is
//! wrong within one definition.

pub(crate) mod columns;
pub(crate) mod distinct;
pub(crate) mod settings;
mod statement;

use crate::place::Place;
use crate::report::FileReport;
use crate::{Collector, DEFAULT_TIMEOUT, OPEN, Origin, raw};

/// A resolved branch and where its parts are written.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) collector: Collector,
    /// Whether it is of the set that the layer lies on.
    pub(crate) base: bool,
    /// Whether the layer defined or tuned it. What was neither has been checked when it was compiled.
    pub(crate) touched: bool,
    /// Rank of the directory it comes from.
    pub(crate) directory: usize,
    pub(crate) key: Place,
    pub(crate) tags: Place,
    pub(crate) versions: Place,
    pub(crate) columns: Vec<Place>,
}

impl Item {
    /// A branch of the set below a layer. Only its line is known.
    pub(crate) fn of_base(collector: &Collector) -> Self {
        let file = collector.origin.file.as_ref().into();
        let column = u32::from(collector.origin.line > 0);
        let key = Place::new(&file, crate::Spot::new(collector.origin.line, column));
        Self {
            base: true,
            touched: false,
            directory: 0,
            tags: key.clone(),
            versions: key.clone(),
            columns: vec![key.clone(); collector.columns.len()],
            key,
            collector: collector.clone(),
        }
    }

    fn of_entry(entry: &raw::Entry, directory: usize, report: &FileReport<'_>) -> Self {
        let key = Place::new(&report.file, entry.spot);
        Self {
            base: false,
            touched: true,
            directory,
            tags: key.clone(),
            versions: key.clone(),
            columns: Vec::new(),
            key,
            collector: blank(entry, &report.file),
        }
    }
}

/// Resolves an entry that has a query. `None`: mistakes have been reported.
pub(crate) fn definition(
    entry: &raw::Entry,
    rank: usize,
    directory: usize,
    report: &mut FileReport<'_>,
) -> Option<Item> {
    let before = report.errors();
    let mut item = Item::of_entry(entry, directory, report);
    item.collector.priority = settings::default_priority(rank);
    statement::query(entry, &mut item.collector, report);
    item.collector.predicates = statement::predicates(entry, report).into();
    settings::apply(entry, rank, &mut item, report);
    statement::pgbouncer(entry, &item.collector, report);
    columns::define(entry, &mut item, report);
    let sound = !entry.broken && report.errors() == before;
    sound.then_some(item)
}

fn blank(entry: &raw::Entry, file: &str) -> Collector {
    let given = |text: &Option<crate::At<String>>| {
        text.as_ref()
            .map(|at| at.value.trim().to_owned())
            .filter(|text| !text.is_empty())
    };
    Collector {
        branch: entry.branch.clone().into(),
        name: given(&entry.name).unwrap_or_else(|| entry.branch.clone()).into(),
        desc: given(&entry.desc).unwrap_or_default().into(),
        query: "".into(),
        predicates: Vec::new().into(),
        tags: Vec::new().into(),
        ttl: std::time::Duration::ZERO,
        timeout: Some(DEFAULT_TIMEOUT),
        min_version: 0,
        max_version: OPEN,
        fatal: false,
        skip: false,
        priority: 0,
        max_series: 0,
        max_stale: std::time::Duration::ZERO,
        columns: Vec::new().into(),
        origin: Origin {
            file: file.to_owned().into(),
            line: entry.spot.line,
            query_line: entry.query.as_ref().map_or(0, |query| query.spot.line),
        },
    }
}
