//! A collector's definition and where it applies, branch by branch.

use std::time::Duration;

use pg_exporter_schema::{Collector, Predicate};

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
    /// Names and values of what else is set.
    pub(super) settings: Vec<(&'static str, String)>,
    /// Whether it is installed somewhere.
    pub(super) is_installed: bool,
    /// The status that all databases share; empty where they differ.
    pub(super) status: String,
    /// Database and status, where they differ.
    pub(super) statuses: Vec<(&'a str, String)>,
    pub(super) more_statuses: usize,
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

fn settings(collector: &Collector) -> Vec<(&'static str, String)> {
    let time = |time: Duration| seconds(time.as_secs_f64());
    let tags: Vec<String> = collector.tags.iter().map(ToString::to_string).collect();
    let none = || "none".to_owned();
    let mut settings = vec![
        ("Tags", if tags.is_empty() { none() } else { tags.join(", ") }),
        (
            "ttl",
            if collector.ttl.is_zero() {
                "none, runs at every scrape".to_owned()
            } else {
                time(collector.ttl)
            },
        ),
        (
            "Timeout",
            collector
                .timeout
                .map_or_else(|| "that of the scrape".to_owned(), time),
        ),
        ("Priority", collector.priority.to_string()),
    ];
    if collector.fatal {
        settings.push(("Fatal", "its failure means that the target is down".to_owned()));
    }
    if collector.skip {
        settings.push(("Skip", "it is defined but not run".to_owned()));
    }
    if collector.max_series > 0 {
        settings.push(("Most series", collector.max_series.to_string()));
    }
    if !collector.max_stale.is_zero() {
        settings.push((
            "Published when failing",
            format!("for {}", time(collector.max_stale)),
        ));
    }
    settings
}
