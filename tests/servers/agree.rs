//! Comparison of a page with the catalogs.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use pg_exporter_lab::{Cluster, Exporter, Page};

/// What must be equal within this time. Statistics reach the catalogs late, and some numbers change between a scrape
/// and the question to the catalogs: it is asked again then.
const LIMIT: Duration = Duration::from_secs(30);

/// A metric and the statement that yields the same: the labels' values in the page's order, then the value.
#[derive(Clone, Debug)]
pub struct Check {
    metric: String,
    sql: String,
    only: Option<(String, String)>,
    tolerance: f64,
    some: bool,
}

impl Check {
    pub fn new(metric: &str, sql: &str) -> Self {
        let (metric, sql) = (metric.to_owned(), sql.to_owned());
        Self {
            metric,
            sql,
            only: None,
            tolerance: 0.0,
            some: false,
        }
    }

    /// Looks only at the series with this label; the statement yields only these.
    pub fn only(self, label: &str, value: &str) -> Self {
        Self {
            only: Some((label.to_owned(), value.to_owned())),
            ..self
        }
    }

    /// Values may differ by so much, because time passes between scrape and statement.
    pub fn within(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    /// The page may have series that the statement does not yield.
    pub fn some(self) -> Self {
        Self { some: true, ..self }
    }

    /// What differs, if something does.
    fn difference(&self, page: &Page, answer: &str) -> Option<String> {
        let expected: BTreeMap<&str, f64> = answer.lines().map(row).collect();
        if expected.is_empty() {
            return Some("the statement yields nothing".to_owned());
        }
        let found = self.found(page);
        if !self.some && found.len() != expected.len() {
            return Some(format!("expected {expected:?}, found {found:?}"));
        }
        let differs = expected.into_iter().find_map(|(labels, value)| {
            let is = found.get(labels).copied();
            let equal = is.is_some_and(|is| self.is_equal(is, value));
            (!equal).then(|| format!("{labels:?}: expected {value}, found {is:?}"))
        });
        differs.map(|what| format!("{what}; all: {found:?}"))
    }

    fn is_equal(&self, is: f64, expected: f64) -> bool {
        let rounding = expected.abs() * 1e-9;
        (is.is_nan() && expected.is_nan()) || (is - expected).abs() <= self.tolerance + rounding
    }

    fn found(&self, page: &Page) -> BTreeMap<String, f64> {
        let wanted = page.all(&self.metric).filter(|sample| match &self.only {
            Some((label, value)) => sample.label(label) == Some(value),
            None => true,
        });
        let values = |sample: &pg_exporter_lab::page::Sample| {
            sample
                .labels
                .iter()
                .map(|(_, value)| value.clone())
                .collect::<Vec<_>>()
                .join("|")
        };
        wanted.map(|sample| (values(sample), sample.value)).collect()
    }
}

/// Checks of several metrics of one collector over the same rows: suffix and expression of each.
pub fn columns(prefix: &str, labels: &str, from: &str, columns: &[(&str, &str)]) -> Vec<Check> {
    let separator = if labels.is_empty() { "" } else { ", " };
    let check = |(suffix, expression): &(&str, &str)| {
        Check::new(
            &format!("{prefix}_{suffix}"),
            &format!("select {labels}{separator}{expression} from {from}"),
        )
    };
    columns.iter().map(check).collect()
}

/// Checks of metrics whose suffix is the column's name.
pub fn same(prefix: &str, labels: &str, from: &str, names: &str) -> Vec<Check> {
    let pairs: Vec<_> = names.split_whitespace().map(|name| (name, name)).collect();
    columns(prefix, labels, from, &pairs)
}

/// Waits until each check has held once.
#[track_caller]
pub fn agree(exporter: &Exporter, cluster: &Cluster, database: &str, checks: &[Check]) {
    let deadline = Instant::now() + LIMIT;
    let mut open: Vec<&Check> = checks.iter().collect();
    loop {
        let page = exporter.scrape();
        let answers = ask(cluster, database, &open);
        let mut differences = Vec::new();
        open = std::iter::zip(open, answers)
            .filter(|(check, answer)| match check.difference(&page, answer) {
                Some(what) => {
                    differences.push(format!("{}: {what}", check.metric));
                    true
                }
                None => false,
            })
            .map(|(check, _)| check)
            .collect();
        if open.is_empty() {
            return;
        }
        let version = cluster.version();
        assert!(
            Instant::now() < deadline,
            "PostgreSQL {version}: {}",
            differences.join("\n")
        );
        sleep(Duration::from_millis(100));
    }
}

/// All statements in one connection, their answers apart. One that yields a NULL alone yields an empty line.
#[track_caller]
fn ask(cluster: &Cluster, database: &str, checks: &[&Check]) -> Vec<String> {
    let script: String = checks
        .iter()
        .map(|check| format!("\\echo {MARK}\n{};\n", check.sql))
        .collect();
    let answer = cluster.psql_in(database, &format!("{script}\\echo {MARK}\n"));
    let mut parts: Vec<_> = answer
        .split(MARK)
        .skip(1)
        .map(|part| part.strip_prefix('\n').unwrap_or(part))
        .collect();
    assert_eq!(parts.len(), checks.len() + 1, "{answer}");
    parts.pop();
    parts.into_iter().map(str::to_owned).collect()
}

const MARK: &str = "\u{1}answer";

/// `label|label|value`; nothing is NULL, which is NaN.
fn row(line: &str) -> (&str, f64) {
    let (labels, value) = line.rsplit_once('|').unwrap_or(("", line));
    let value = if value.is_empty() {
        f64::NAN
    } else {
        value.parse().unwrap_or_else(|_| panic!("no number: {line}"))
    };
    (labels, value)
}
