//! Which collectors run where, and why the others do not.

use std::fmt::Write as _;

use pg_exporter_schema::{Collector, OPEN, Tag};
use serde::Serialize;

use super::figures::{duration, left_out};
use super::protocol::{Protocol, is_pooled, remark};
use crate::catalog::facts::Kind;
use crate::catalog::plan::{Verdict, Why};
use crate::scrape::Overview;
use crate::values::text::{in_json, on_lines, on_one_line};

/// What to say of a definition that no scrape has planned yet.
const PENDING: &str = "Pending (planned at the next scrape that reaches the database)";

/// Every configured collector in the order of execution.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Explain<'a> {
    collectors: Vec<Explained<'a>>,
}

/// One branch.
#[derive(Debug, Serialize)]
pub struct Explained<'a> {
    collector: &'a str,
    branch: &'a str,
    query: &'a str,
    tags: Vec<String>,
    ttl_seconds: f64,
    /// `None`: only the scrape's deadline bounds it.
    timeout_seconds: Option<f64>,
    min_version: Option<u32>,
    /// The first version it is no longer for.
    max_version: Option<u32>,
    /// The releases that its statement was prepared on when it was compiled, and whether this server's is one of them; `None` when
    /// that was not recorded.
    proven: Option<String>,
    /// The same on every database that it could run on; `None` where they differ.
    pub(crate) status: Option<String>,
    pub(crate) databases: Vec<Status<'a>>,
    /// Whether some database was reached through a pooler.
    #[serde(skip)]
    is_pooled: bool,
    #[serde(skip)]
    pub(crate) definition: &'a Collector,
}

/// The status on one database.
#[derive(Debug, Serialize)]
pub struct Status<'a> {
    pub(crate) database: &'a str,
    pub(crate) status: String,
    pub(super) protocol: Protocol,
}

impl<'a> Explain<'a> {
    /// From what is known of the target.
    #[must_use]
    pub fn new(overview: &'a Overview) -> Self {
        Self::of(overview, |_| true)
    }

    /// As [`new`](Self::new), of one collector's branches.
    #[must_use]
    pub fn only(overview: &'a Overview, name: &str) -> Self {
        Self::of(overview, |collector| collector.name == name)
    }

    fn of(overview: &'a Overview, is_wanted: impl Fn(&Collector) -> bool) -> Self {
        let collectors = overview.collectors.iter().enumerate();
        let wanted = collectors.filter(|(_, collector)| is_wanted(collector));
        Self {
            collectors: wanted
                .map(|(at, collector)| explained(overview, at, collector))
                .collect(),
        }
    }

    /// As [`new`](Self::new), of the collectors that are wanted.
    #[must_use]
    pub fn selected(overview: &'a Overview, is_wanted: &dyn Fn(&str) -> bool) -> Self {
        Self::of(overview, |collector| is_wanted(&collector.name))
    }

    /// Its branches, one by one.
    #[must_use]
    pub fn into_branches(self) -> Vec<Explained<'a>> {
        self.collectors
    }

    /// As text, a paragraph for each.
    #[must_use]
    pub fn text(&self) -> String {
        self.text_of(usize::MAX)
    }

    /// As [`text`](Self::text), with no more than so many databases where a status differs between them.
    #[must_use]
    pub fn text_of(&self, databases: usize) -> String {
        let texts = self.collectors.iter().map(|collector| collector.text(databases));
        texts.collect::<Vec<_>>().join("\n")
    }

    /// As JSON, a list of objects.
    #[must_use]
    pub fn json(&self) -> String {
        // Strings, numbers and lists of them always serialise.
        in_json(serde_json::to_string_pretty(self).unwrap_or_default() + "\n")
    }
}

fn explained<'a>(overview: &'a Overview, at: usize, collector: &'a Collector) -> Explained<'a> {
    let verdicts = overview.databases.iter().map(|database| {
        let verdict = database.verdicts.get(at).and_then(Option::as_ref);
        (database.name.as_str(), verdict)
    });
    let verdicts: Vec<_> = verdicts.collect();
    let protocols = overview.databases.iter().map(Protocol::of);
    let status = |((database, verdict), protocol): (&(&'a str, Option<&Verdict>), Protocol)| Status {
        database,
        status: status(collector, *verdict),
        protocol,
    };
    Explained {
        collector: &collector.name,
        branch: &collector.branch,
        query: collector.query.trim(),
        tags: collector.tags.iter().map(ToString::to_string).collect(),
        ttl_seconds: collector.ttl.as_secs_f64(),
        timeout_seconds: collector.timeout.map(|timeout| timeout.as_secs_f64()),
        min_version: (collector.min_version > 0).then_some(collector.min_version),
        max_version: (collector.max_version != OPEN).then_some(collector.max_version),
        proven: collector.proof(of_its_kind(overview, collector)),
        status: common(collector, &verdicts),
        databases: verdicts.iter().zip(protocols).map(status).collect(),
        is_pooled: overview.databases.iter().any(is_pooled),
        definition: collector,
    }
}

/// The server's version, 0 where the collector is for another kind of server.
fn of_its_kind(overview: &Overview, collector: &Collector) -> u32 {
    let main = overview.databases.first();
    let is_console = main.and_then(|main| main.kind) == Some(Kind::Pgbouncer);
    let version = main.map_or(0, |main| main.version);
    if is_console == collector.has_tag(&Tag::Pgbouncer) {
        version
    } else {
        0
    }
}

/// The one status that all databases share. What runs once per cluster differs nowhere, and a missing extension is the
/// same everywhere but for the database's name.
fn common(collector: &Collector, verdicts: &[(&str, Option<&Verdict>)]) -> Option<String> {
    let once = |verdict: Option<&Verdict>| matches!(verdict, Some(Verdict::Inactive(Why::Discovered)));
    let mut relevant = verdicts
        .iter()
        .filter(|(_, verdict)| !once(*verdict))
        .map(|(_, verdict)| *verdict);
    let Some(first) = relevant.next() else {
        return Some(PENDING.to_owned());
    };
    let rest: Vec<_> = relevant.collect();
    if rest.iter().all(|verdict| *verdict == first) {
        return Some(status(collector, first));
    }
    let anywhere = first.map(|verdict| anywhere(verdict.clone()));
    let is_same =
        |verdict: &Option<&Verdict>| verdict.map(|verdict| self::anywhere(verdict.clone())) == anywhere;
    rest.iter()
        .all(is_same)
        .then(|| status(collector, anywhere.as_ref()))
}

/// The verdict without the database's name.
fn anywhere(verdict: Verdict) -> Verdict {
    let any = || "any database".to_owned();
    match verdict {
        Verdict::Inactive(Why::Extension(name, _)) => Verdict::Inactive(Why::Extension(name, any())),
        Verdict::Inactive(Why::Schema(name, _)) => Verdict::Inactive(Why::Schema(name, any())),
        other => other,
    }
}

fn status(collector: &Collector, verdict: Option<&Verdict>) -> String {
    match verdict {
        None => PENDING.to_owned(),
        Some(Verdict::Active) if collector.has_tag(&Tag::Primary) => "Active (primary only)".to_owned(),
        Some(Verdict::Active) if collector.has_tag(&Tag::Replica) => "Active (replica only)".to_owned(),
        Some(verdict) => verdict.to_string(),
    }
}

impl Explained<'_> {
    fn text(&self, most: usize) -> String {
        let mut text = format!("Collector: {}\n", self.collector);
        if self.branch != self.collector {
            let _ = writeln!(text, "  Branch: {}", self.branch);
        }
        let definition = self.definition;
        let query = on_lines(self.query).replace('\n', "\n         ");
        let timeout = definition.timeout.map_or_else(|| "none".to_owned(), duration);
        let last = if definition.max_version == OPEN {
            999_999
        } else {
            definition.max_version.saturating_sub(1)
        };
        let _ = write!(
            text,
            "  Query: {query}\n  Tags: [{}]\n  TTL: {}\n  Timeout: {timeout}\n  Version: {}-{last}\n",
            self.tags.join(", "),
            duration(definition.ttl),
            definition.min_version,
        );
        if let Some(proven) = &self.proven {
            let _ = writeln!(text, "  Proven: {proven}");
        }
        text.push_str(&remark(2, self.is_pooled));
        match &self.status {
            Some(status) => {
                let _ = writeln!(text, "  Status: {}", on_one_line(status));
            }
            None => {
                text.push_str("  Status:\n");
                for Status { database, status, .. } in self.databases.iter().take(most) {
                    let _ = writeln!(text, "    {}: {}", on_one_line(database), on_one_line(status));
                }
                text.push_str(&left_out(4, self.databases.len(), most));
            }
        }
        text
    }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
