//! A collector's definition and where it applies, branch by branch.

use pg_exporter_schema::{Collector, Predicate, Shown, in_force};

use super::figures::{seconds, versions};
use crate::scrape::Overview;
use crate::scrape::overview::{Explain, Explained};

/// Databases listed where a plan differs between them.
const DATABASES: usize = 100;

/// A branch as it is written, and the planner's word on it.
pub(super) struct Definition<'a> {
    pub(super) branch: &'a str,
    pub(super) query: &'a str,
    pub(super) predicates: &'a [Predicate],
    /// File and line.
    pub(super) origin: String,
    pub(super) versions: String,
    /// How the query is run.
    pub(super) settings: Vec<Setting>,
    /// Whether it is installed somewhere.
    pub(super) is_installed: bool,
    /// The status that all databases share; empty where they differ.
    pub(super) status: String,
    /// Database and status, where they differ.
    pub(super) statuses: Vec<(&'a str, String)>,
    pub(super) more_statuses: usize,
}

/// A key of the language, what it means and what holds.
pub(super) struct Setting {
    pub(super) key: &'static str,
    pub(super) doc: &'static str,
    pub(super) value: String,
}

/// Every branch of a collector, installed ones first.
pub(super) fn definitions<'a>(overview: &'a Overview, name: &str) -> Vec<Definition<'a>> {
    let explained = Explain::only(overview, name).into_branches();
    let mut definitions: Vec<_> = explained
        .into_iter()
        .map(|one| definition(overview, one))
        .collect();
    definitions.sort_by_key(|definition| !definition.is_installed);
    definitions
}

fn definition<'a>(overview: &'a Overview, explained: Explained<'a>) -> Definition<'a> {
    let collector = explained.definition;
    let installed = overview
        .databases
        .iter()
        .flat_map(|database| &database.collectors);
    let mut statuses: Vec<_> = match &explained.status {
        Some(_) => Vec::new(),
        None => explained
            .databases
            .into_iter()
            .map(|status| (status.database, status.status))
            .collect(),
    };
    let more_statuses = statuses.len().saturating_sub(DATABASES);
    statuses.truncate(DATABASES);
    Definition {
        branch: &collector.branch,
        query: collector.query.trim_end(),
        predicates: &collector.predicates,
        origin: match &collector.origin {
            origin if origin.line == 0 => origin.file.to_string(),
            origin => format!("{}:{}", origin.file, origin.line),
        },
        versions: versions(collector.min_version, collector.max_version),
        settings: settings(collector),
        is_installed: installed.into_iter().any(|one| one.branch == collector.branch),
        status: explained.status.unwrap_or_default(),
        statuses,
        more_statuses,
    }
}

/// The keys of the language with what holds.
fn settings(collector: &Collector) -> Vec<Setting> {
    let settings = in_force(collector).into_iter().map(|one| Setting {
        key: one.key,
        doc: one.doc,
        value: match one.value {
            Shown::Nothing => "none".to_owned(),
            Shown::Time(time) => seconds(time.as_secs_f64()),
            Shown::Text(text) => text,
        },
    });
    settings.collect()
}
