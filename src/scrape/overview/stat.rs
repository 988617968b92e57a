//! How the executions of the collectors went.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::figures;
use super::figures::{duration, time};
use super::protocol::{Protocol, is_pooled, remark};
use crate::postgres::encryption::Encryption;
use crate::scrape::{CollectorOverview, DatabaseOverview, Overview};
use crate::values::text::{in_json, on_one_line};

/// Counts of every installed collector, per database.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Statistics<'a> {
    collectors: Vec<Counts<'a>>,
}

/// One collector on one database.
#[derive(Debug, Serialize)]
struct Counts<'a> {
    collector: &'a str,
    branch: &'a str,
    database: &'a str,
    state: &'a str,
    executions: u64,
    successes: u64,
    failures: u64,
    cache_hits: u64,
    predicate_skips: u64,
    series: u64,
    protocol: Protocol,
    /// Whether the connection is encrypted by TLS; none before there was one.
    tls: Option<bool>,
    /// What to tell of one that is less protected than it could be.
    connection_warning: Option<String>,
    #[serde(skip)]
    is_pooled: bool,
    avg_duration_seconds: f64,
    last_duration_seconds: f64,
    last_execution: Option<String>,
    last_error: Option<Error<'a>>,
    /// Columns of the definition that the last result lacked.
    missing_columns: &'a [String],
    /// Columns of which some cell was no number.
    unreadable_columns: &'a [String],
    /// Whether other databases have it too.
    #[serde(skip)]
    is_one_of_several: bool,
}

#[derive(Debug, Serialize)]
struct Error<'a> {
    reason: &'static str,
    sqlstate: Option<&'a str>,
    message: &'a str,
}

impl<'a> Statistics<'a> {
    /// From what is known of the target.
    #[must_use]
    pub fn new(overview: &'a Overview) -> Self {
        Self::selected(overview, &|_| true)
    }

    /// As [`new`](Self::new), of the collectors that are wanted.
    #[must_use]
    pub fn selected(overview: &'a Overview, is_wanted: &dyn Fn(&str) -> bool) -> Self {
        let all = || {
            overview
                .databases
                .iter()
                .flat_map(|database| database.collectors.iter().map(move |one| (database, one)))
                .filter(|(_, one)| is_wanted(&one.name))
        };
        let mut databases: HashMap<&str, usize> = HashMap::new();
        for (_, collector) in all() {
            *databases.entry(&collector.name).or_default() += 1;
        }
        let several = |name: &str| databases.get(name).is_some_and(|count| *count > 1);
        let collectors =
            all().map(|(database, collector)| counts(database, collector, several(&collector.name)));
        Self {
            collectors: collectors.collect(),
        }
    }

    /// As text, a paragraph for each.
    #[must_use]
    pub fn text(&self) -> String {
        self.text_of(usize::MAX)
    }

    /// As [`text`](Self::text), of no more than so many databases.
    #[must_use]
    pub fn text_of(&self, databases: usize) -> String {
        let mut shown = HashSet::new();
        let mut left_out = HashSet::new();
        let mut text = "Collector Statistics:\n".to_owned();
        for counts in &self.collectors {
            if shown.contains(counts.database) || shown.len() < databases {
                shown.insert(counts.database);
                text.push_str(&counts.text());
            } else {
                left_out.insert(counts.database);
            }
        }
        text.push_str(&figures::left_out(2, shown.len() + left_out.len(), shown.len()));
        text
    }

    /// As JSON, a list of objects.
    #[must_use]
    pub fn json(&self) -> String {
        // Strings, finite numbers and lists of them always serialise.
        in_json(serde_json::to_string_pretty(self).unwrap_or_default() + "\n")
    }
}

fn counts<'a>(
    database: &'a DatabaseOverview,
    collector: &'a CollectorOverview,
    is_one_of_several: bool,
) -> Counts<'a> {
    let executions = collector.executions;
    Counts {
        collector: &collector.name,
        branch: &collector.branch,
        database: &database.name,
        state: collector.state,
        executions,
        successes: executions.saturating_sub(collector.errors),
        failures: collector.errors,
        cache_hits: collector.hits,
        predicate_skips: collector.skips,
        series: collector.series,
        protocol: Protocol::of(database),
        tls: database.encryption.as_ref().map(Encryption::is_tls),
        connection_warning: database.connection_warning(),
        is_pooled: is_pooled(database),
        avg_duration_seconds: collector.average_seconds(),
        last_duration_seconds: collector.duration,
        last_execution: collector.last_execution.map(time),
        last_error: collector.last_error.as_ref().map(|failure| Error {
            reason: failure.reason.word(),
            sqlstate: failure.sqlstate.as_deref(),
            message: &failure.message,
        }),
        missing_columns: &collector.gaps.missing,
        unreadable_columns: &collector.gaps.unreadable,
        is_one_of_several,
    }
}

impl Counts<'_> {
    fn text(&self) -> String {
        let seconds = |seconds: f64| duration(Duration::try_from_secs_f64(seconds).unwrap_or_default());
        let mut text = format!("  {}", self.collector);
        if self.is_one_of_several {
            let _ = write!(text, " ({})", on_one_line(self.database));
        }
        let _ = write!(
            text,
            ":\n    Executions: {}\n    Successes: {}\n    Failures: {}\n    Avg Duration: {}\n    Last Execution: {}\n    \
             Last Duration: {}\n    Cache Hits: {}\n    Predicate Skips: {}\n    Series: {}\n    State: {}\n",
            self.executions,
            self.successes,
            self.failures,
            seconds(self.avg_duration_seconds),
            self.last_execution.as_deref().unwrap_or("never"),
            seconds(self.last_duration_seconds),
            self.cache_hits,
            self.predicate_skips,
            self.series,
            self.state,
        );
        text.push_str(&remark(4, self.is_pooled));
        if let Some(warning) = &self.connection_warning {
            let _ = writeln!(text, "    Connection: {}", on_one_line(warning));
        }
        for (title, columns) in [
            ("Missing Columns", self.missing_columns),
            ("Columns That Are No Numbers", self.unreadable_columns),
        ] {
            if !columns.is_empty() {
                let _ = writeln!(text, "    {title}: {}", columns.join(", "));
            }
        }
        if let Some(Error {
            reason,
            sqlstate,
            message,
        }) = &self.last_error
        {
            let sqlstate = sqlstate.map(|code| format!(" {code}")).unwrap_or_default();
            let _ = writeln!(
                text,
                "    Last Error: {reason}{sqlstate}: {}",
                on_one_line(message)
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::time::SystemTime;

    use super::*;
    use crate::postgres::failure::{Failure, Reason};

    fn overview(databases: &[&str]) -> Overview {
        let failure = Failure {
            sqlstate: Some("42P01".into()),
            ..Failure::new(Reason::MissingObject, "relation \"x\" does not exist")
        };
        let collector = CollectorOverview {
            name: "pg_stat_database".into(),
            branch: "pg_stat_database_14".into(),
            state: "cached",
            executions: 1234,
            errors: 4,
            hits: 7,
            skips: 1,
            series: 20,
            duration: 0.003,
            total_duration: Duration::from_micros(2500 * 1234),
            resolution: Duration::from_millis(1),
            last_execution: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_705_314_595)),
            last_error: Some(failure),
            ..CollectorOverview::default()
        };
        let databases = databases.iter().map(|name| DatabaseOverview {
            name: (*name).to_owned(),
            collectors: vec![collector.clone()],
            ..DatabaseOverview::default()
        });
        Overview {
            databases: databases.collect(),
            ..Overview::default()
        }
    }

    #[test]
    fn the_text_begins_as_in_the_contract() {
        let overview = overview(&["app"]);
        let expected = "Collector Statistics:\n  pg_stat_database:\n    Executions: 1234\n    Successes: 1230\n    \
                        Failures: 4\n    Avg Duration: 3ms\n    Last Execution: 2024-01-15T10:29:55Z\n    \
                        Last Duration: 3ms\n    Cache Hits: 7\n    Predicate Skips: 1\n    Series: 20\n    State: cached\n    \
                        Last Error: missing_object 42P01: relation \"x\" does not exist\n";
        assert_eq!(Statistics::new(&overview).text(), expected);
    }

    #[test]
    fn databases_are_named_where_there_are_several() {
        let overview = overview(&["a", "b"]);
        let statistics = Statistics::new(&overview);
        let text = statistics.text();
        assert!(
            text.contains("\n  pg_stat_database (a):\n") && text.contains("\n  pg_stat_database (b):\n"),
            "{text}"
        );
        let json: serde_json::Value = serde_json::from_str(&statistics.json()).unwrap();
        let second = json.get(1).unwrap();
        assert_eq!(second.get("database").unwrap(), "b");
        assert_eq!(second.pointer("/last_error/sqlstate").unwrap(), "42P01");
        assert_eq!(second.get("successes").unwrap(), 1230);
    }
}
