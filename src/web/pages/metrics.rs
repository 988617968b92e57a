//! A collector's metrics and their values as they are on the page.

use std::collections::HashMap;

use pg_exporter_schema::{Collector, Family};

use super::figures::count;
use crate::scrape::{Overview, Published, Sample};

/// Rows of values shown.
const ROWS: usize = 100;

/// What a collector yields.
pub(super) struct Metrics<'a> {
    /// Every family of its branches.
    pub(super) families: Vec<Metric<'a>>,
    /// Its values, where they differ in labels or databases: series of the same labels are one row.
    pub(super) table: Option<Table<'a>>,
}

/// A family, the same in all branches.
pub(super) struct Metric<'a> {
    pub(super) name: &'a str,
    pub(super) kind: &'a str,
    pub(super) help: &'a str,
    /// Number of its series.
    pub(super) series: String,
    /// The value of the only series, where that has no labels.
    pub(super) single: Option<&'a str>,
}

/// Values by labels, as the statement returned them.
pub(super) struct Table<'a> {
    /// Names of the columns, without what is the same in all of them.
    pub(super) heads: Vec<&'a str>,
    pub(super) rows: Vec<Values<'a>>,
    /// Rows that are not shown.
    pub(super) more: usize,
}

/// One row of values.
pub(super) struct Values<'a> {
    pub(super) database: &'a str,
    /// Labels without their braces.
    pub(super) labels: &'a str,
    /// One per column, empty where there is no such series.
    pub(super) values: Vec<&'a str>,
}

/// What a collector's branches yield; the families of the first branch come first.
pub(super) fn metrics<'a>(overview: &'a Overview, name: &'a str, branches: &[&'a Collector]) -> Metrics<'a> {
    let served = served(overview, name);
    let mut families: Vec<Metric<'_>> = Vec::new();
    let mut columns = Vec::new();
    let mut rows = Rows::default();
    for column in branches.iter().flat_map(|collector| collector.values()) {
        for family in column.families.iter() {
            if families.iter().any(|metric| metric.name == family.name) {
                continue;
            }
            let series = rows.add(&served, &family.name, columns.len());
            if series > 0 {
                columns.push(&*family.name);
            }
            families.push(Metric {
                name: &family.name,
                kind: kind(family),
                help: &column.help,
                series: count(series as u64),
                single: None,
            });
        }
    }
    let Some(single) = rows.single() else {
        let table = (!columns.is_empty()).then(|| rows.table(name, &columns));
        return Metrics { families, table };
    };
    for metric in &mut families {
        let at = columns.iter().position(|column| *column == metric.name);
        metric.single = at.and_then(|at| single.get(at).copied());
    }
    Metrics {
        families,
        table: None,
    }
}

/// What the databases serve of a collector.
fn served<'a>(overview: &'a Overview, name: &str) -> Vec<(&'a str, &'a Published)> {
    let of_database = overview.databases.iter().flat_map(|database| {
        let ours = database.collectors.iter().filter(|one| one.name == name);
        ours.filter_map(|one| Some((&*database.name, one.served.as_ref()?)))
    });
    of_database.collect()
}

/// The type that the page gives a family: the last word of its head.
fn kind(family: &Family) -> &str {
    family.head.trim_end().rsplit(' ').next().unwrap_or_default()
}

/// Series by database and labels, in the order in which they come; values of the first [`ROWS`] only.
#[derive(Default)]
struct Rows<'a> {
    places: HashMap<(&'a str, &'a str), usize>,
    rows: Vec<Values<'a>>,
}

impl<'a> Rows<'a> {
    /// Adds a family's series as that column, and returns how many there are.
    fn add(&mut self, served: &[(&'a str, &'a Published)], family: &str, column: usize) -> usize {
        let mut series = 0;
        for (database, served) in served {
            for Sample { labels, value } in served.samples(family) {
                series += 1;
                let next = self.places.len();
                let at = *self.places.entry((database, labels)).or_insert(next);
                if at == next && at < ROWS {
                    self.rows.push(Values {
                        database,
                        labels: labels.trim_start_matches('{').trim_end_matches('}'),
                        values: Vec::new(),
                    });
                }
                if let Some(row) = self.rows.get_mut(at) {
                    row.values.resize(column, "");
                    row.values.push(value);
                }
            }
        }
        series
    }

    /// The values, when there is but one row and it has no labels.
    fn single(&self) -> Option<&[&'a str]> {
        match self.rows.as_slice() {
            [row] if row.labels.is_empty() => Some(&row.values),
            _ => None,
        }
    }

    fn table(mut self, name: &str, columns: &[&'a str]) -> Table<'a> {
        for row in &mut self.rows {
            row.values.resize(columns.len(), "");
        }
        let short = |column: &&'a str| {
            let rest = column.strip_prefix(name).and_then(|rest| rest.strip_prefix('_'));
            rest.unwrap_or(column)
        };
        Table {
            heads: columns.iter().map(short).collect(),
            more: self.places.len() - self.rows.len(),
            rows: self.rows,
        }
    }
}
