//! The table of collectors: one row each, whatever the number of databases that it runs on.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use pg_exporter_schema::Collector;

use super::figures;
use super::options::{Group, Options, Sort};
use super::plot::spark;
use crate::catalog::plan::{Verdict, Why};
use crate::postgres::failure::Failure;
use crate::scrape::{CollectorOverview, DatabaseOverview, Overview};

/// A collector: its branches, and what became of it where it is installed.
pub(super) struct Row<'a> {
    pub(super) name: &'a str,
    pub(super) desc: &'a str,
    pub(super) group: Group,
    /// The state that needs most attention.
    pub(super) state: &'static str,
    /// On how many databases, or why it is installed nowhere.
    pub(super) note: String,
    /// Seconds of the last execution where it took longest; `None` before the first.
    pub(super) seconds: Option<f64>,
    /// The durations there.
    pub(super) spark: Option<String>,
    pub(super) series: u64,
    /// Age of the oldest result that is served, in seconds.
    pub(super) age: Option<f64>,
    pub(super) ttl: Duration,
    pub(super) errors: u64,
    pub(super) error: Option<LastError<'a>>,
}

/// The last error on any database.
pub(super) struct LastError<'a> {
    pub(super) failure: &'a Failure,
    pub(super) ago: String,
    /// Where it was, if the collector runs on several.
    pub(super) database: Option<&'a str>,
}

/// One collector on one database.
type Installed<'a> = (&'a DatabaseOverview, &'a CollectorOverview);

/// Every configured collector, in the order of execution.
pub(super) fn rows(overview: &Overview) -> Vec<Row<'_>> {
    let mut names: Vec<&str> = Vec::new();
    let mut branches: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, collector) in overview.collectors.iter().enumerate() {
        branches
            .entry(&collector.name)
            .or_insert_with(|| {
                names.push(&collector.name);
                Vec::new()
            })
            .push(at);
    }
    let mut installed: HashMap<&str, Vec<Installed<'_>>> = HashMap::new();
    for database in &overview.databases {
        for collector in &database.collectors {
            installed
                .entry(&collector.name)
                .or_default()
                .push((database, collector));
        }
    }
    names
        .into_iter()
        .map(|name| {
            let of = |map: &HashMap<&str, Vec<usize>>| map.get(name).cloned().unwrap_or_default();
            let places = installed.get(name).map(Vec::as_slice).unwrap_or_default();
            row(overview, name, &of(&branches), places)
        })
        .collect()
}

/// The row of one collector.
pub(super) fn row_of<'a>(overview: &'a Overview, name: &str) -> Option<Row<'a>> {
    rows(overview).into_iter().find(|row| row.name == name)
}

/// The age of what is served against the time for which it may be.
pub(super) fn age(age: Option<f64>, ttl: f64) -> String {
    let ttl = if ttl > 0.0 {
        format!(" / {}", figures::seconds(ttl))
    } else {
        String::new()
    };
    match age {
        // Whole seconds: it grows while it is read.
        Some(age) => format!("{}{ttl}", figures::seconds(age.round())),
        None => "–".to_owned(),
    }
}

fn row<'a>(
    overview: &'a Overview,
    name: &'a str,
    branches: &[usize],
    installed: &[Installed<'a>],
) -> Row<'a> {
    let definition = |at: &usize| overview.collectors.get(*at).map(|collector| &**collector);
    let is_installed =
        |collector: &&Collector| installed.iter().any(|(_, one)| one.branch == collector.branch);
    let shown = branches
        .iter()
        .filter_map(definition)
        .find(is_installed)
        .or_else(|| branches.first().and_then(definition));
    let executed = installed.iter().filter(|(_, one)| one.executions > 0);
    let slowest = executed.max_by(|(_, a), (_, b)| a.duration.total_cmp(&b.duration));
    let (group, state, note) = state(overview, branches, installed);
    Row {
        name,
        desc: shown.map_or("", |collector| &collector.desc),
        group,
        state,
        note,
        seconds: slowest.map(|(_, one)| one.duration),
        spark: slowest.and_then(|(_, one)| spark(&one.recent)),
        series: installed.iter().map(|(_, one)| one.series).sum(),
        age: installed.iter().filter_map(|(_, one)| one.age).reduce(f64::max),
        ttl: shown.map_or(Duration::ZERO, |collector| collector.ttl),
        errors: installed.iter().map(|(_, one)| one.errors).sum(),
        error: last_error(installed),
    }
}

/// The group of a state, the most pressing first.
pub(super) fn group(state: &str) -> Group {
    match state {
        "failed" | "paused" => Group::Failing,
        "not run yet" | "not reached" | "not planned yet" => Group::Waiting,
        _ => Group::Running,
    }
}

fn state(
    overview: &Overview,
    branches: &[usize],
    installed: &[Installed<'_>],
) -> (Group, &'static str, String) {
    let states = installed.iter().map(|(_, one)| one.state);
    let Some(worst) = states
        .clone()
        .min_by_key(|state| (group(state), *state != "failed"))
    else {
        return match why_inactive(overview, branches) {
            Some(why) => (Group::Inactive, "inactive", why),
            None => (Group::Waiting, "not planned yet", String::new()),
        };
    };
    let (count, all) = (states.filter(|state| *state == worst).count(), installed.len());
    let note = match (count, all) {
        (_, 1) => String::new(),
        (count, all) if count == all => format!("on {all} databases"),
        (count, all) => format!("on {count} of {all} databases"),
    };
    (group(worst), worst, note)
}

/// The planner's reason, of the branch that is nearest to being installed; `None` before the first plan.
fn why_inactive(overview: &Overview, branches: &[usize]) -> Option<String> {
    let verdicts = overview
        .databases
        .iter()
        .flat_map(|database| branches.iter().filter_map(|at| database.verdicts.get(*at)));
    let nearest = verdicts.flatten().min_by_key(|verdict| distance(verdict))?;
    Some(match nearest {
        Verdict::Inactive(why) => why.to_string(),
        Verdict::Skipped => "skipped by its definition".to_owned(),
        other => other.to_string(),
    })
}

fn distance(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Skipped => 0,
        Verdict::Active | Verdict::Superseded { .. } => 1,
        // A collector that runs once per cluster says nothing of the other databases.
        Verdict::Inactive(Why::Discovered) => 5,
        Verdict::Inactive(Why::Kind(_)) => 4,
        Verdict::Inactive(Why::TooOld { .. } | Why::TooNew { .. }) => 3,
        Verdict::Inactive(_) => 2,
    }
}

fn last_error<'a>(installed: &[Installed<'a>]) -> Option<LastError<'a>> {
    let (database, one) = installed
        .iter()
        .filter(|(_, one)| one.last_error.is_some())
        .max_by_key(|(_, one)| one.last_failed)?;
    Some(LastError {
        failure: one.last_error.as_ref()?,
        ago: one.last_failed.map(figures::ago).unwrap_or_default(),
        database: (installed.len() > 1).then_some(&*database.name),
    })
}

impl Row<'_> {
    /// As [`age`].
    pub(super) fn age(&self) -> String {
        age(self.age, self.ttl.as_secs_f64())
    }

    /// What the last execution took, where it took longest.
    pub(super) fn duration(&self) -> String {
        self.seconds.map_or_else(|| "–".to_owned(), figures::seconds)
    }

    /// Whether a filter finds it; `filter` in lower case.
    pub(super) fn matches(&self, filter: &str) -> bool {
        let finds = |text: &str| text.to_lowercase().contains(filter);
        let in_error = |error: &LastError<'_>| finds(&error.failure.to_string());
        filter.is_empty()
            || finds(self.name)
            || finds(self.desc)
            || finds(self.state)
            || finds(&self.note)
            || self.error.as_ref().is_some_and(in_error)
    }
}

/// Sorts as the options say; equals by name.
pub(super) fn sort(rows: &mut [Row<'_>], options: &Options) {
    // Those that have no figure come last, whatever the order.
    let figure = |row: &Row<'_>| match options.order.column {
        Sort::Name | Sort::State => Some(0.0),
        Sort::Duration => row.seconds,
        Sort::Series => Some(row.series as f64),
        Sort::Age => row.age,
        Sort::Errors => Some(row.errors as f64),
    };
    rows.sort_by(|a, b| {
        let (one, other) = (figure(a), figure(b));
        let order = match options.order.column {
            Sort::Name => a.name.cmp(b.name),
            Sort::State => (a.group, a.state).cmp(&(b.group, b.state)),
            _ => one.partial_cmp(&other).unwrap_or(std::cmp::Ordering::Equal),
        };
        let order = if options.order.descends() {
            order.reverse()
        } else {
            order
        };
        let missing = Reverse(one.is_some()).cmp(&Reverse(other.is_some()));
        missing.then(order).then_with(|| a.name.cmp(b.name))
    });
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
