//! The contract: `tests/contract/collectors.csv` and `metrics.csv`, read, and where the shipped set departs from it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A branch of a collector and its metrics.
#[derive(Clone, Debug)]
pub struct Branch {
    pub collector: String,
    pub branch: String,
    pub min: u32,
    /// Exclusive; the largest number when open.
    pub max: u32,
    pub tags: Vec<String>,
    /// Seconds.
    pub ttl: f64,
    /// Seconds.
    pub timeout: f64,
    pub fatal: bool,
    pub skip: bool,
    pub predicates: Vec<String>,
    pub labels: Vec<String>,
    pub metrics: Vec<Metric>,
}

/// A metric of a branch.
#[derive(Clone, Debug)]
pub struct Metric {
    pub name: String,
    /// `gauge`, `counter` or `histogram`.
    pub kind: String,
    pub column: String,
    pub scale: f64,
    pub default: Option<f64>,
    pub buckets: Vec<f64>,
}

impl Branch {
    /// Whether it is for a PostgreSQL of that version and role, as far as version and role go.
    pub fn fits(&self, version: u32, in_recovery: bool) -> bool {
        let unfit = if in_recovery { "primary" } else { "replica" };
        let for_role = self.tags.iter().all(|tag| tag != unfit && tag != "pgbouncer");
        for_role && self.fits_version(version)
    }

    pub fn fits_version(&self, version: u32) -> bool {
        self.min <= version && version < self.max
    }

    /// Whether it is for pgbouncer's console.
    pub fn is_pgbouncer(&self) -> bool {
        self.tags.iter().any(|tag| tag == "pgbouncer")
    }

    /// Whether it needs an extension that the servers of the tests have not.
    pub fn needs_foreign_extension(&self) -> bool {
        let foreign = |tag: &str| tag.starts_with("extension:") && tag != "extension:pg_stat_statements";
        self.tags.iter().any(|tag| foreign(tag))
    }

    /// Type and label names of every family that it yields, by name.
    pub fn families(&self) -> BTreeMap<String, (String, Vec<String>)> {
        let mut families = BTreeMap::new();
        for metric in &self.metrics {
            if metric.kind == "histogram" {
                for (suffix, last) in [("bucket", Some("le")), ("count", None), ("sum", None)] {
                    let labels = self
                        .labels
                        .iter()
                        .cloned()
                        .chain(last.map(str::to_owned))
                        .collect();
                    families.insert(format!("{}_{suffix}", metric.name), ("gauge".into(), labels));
                }
            } else {
                families.insert(metric.name.clone(), (metric.kind.clone(), self.labels.clone()));
            }
        }
        families
    }
}

/// Every branch of the contract.
pub static BRANCHES: LazyLock<Vec<Branch>> = LazyLock::new(read);

/// Whether the contract has a collector of that name.
pub fn knows(collector: &str) -> bool {
    BRANCHES.iter().any(|branch| branch.collector == collector)
}

fn read() -> Vec<Branch> {
    let metrics = rows(include_str!("../contract/metrics.csv"), 9);
    let branches = rows(include_str!("../contract/collectors.csv"), 13);
    let mut branches: Vec<_> = branches.into_iter().map(|row| branch(&row, &metrics)).collect();
    let read: usize = branches.iter().map(|branch| branch.metrics.len()).sum();
    assert_eq!(read, metrics.len(), "every metric belongs to a branch");
    depart(&mut branches);
    branches
}

/// Where the shipped set departs from the contract on purpose, but for metrics that it has besides.
fn depart(branches: &mut Vec<Branch>) {
    for branch in branches.iter_mut().filter(|branch| branch.collector == "pg_slot") {
        // Standbys have slots in all versions.
        branch.tags.retain(|tag| tag != "primary");
    }
    // In one second 2,000 databases, or one of 100,000 tables, cannot be measured.
    for branch in branches.iter_mut().filter(|branch| branch.branch == "pg_size") {
        branch.timeout = 5.0;
    }
    // Nor, on a busy server, 50,000 published tables counted in a tenth of one.
    for branch in branches.iter_mut().filter(|branch| branch.branch == "pg_pubrel") {
        branch.timeout = 1.0;
    }
    // 1.25 has columns more.
    let stat = branches
        .iter_mut()
        .find(|branch| branch.branch == "pgbouncer_stat_124")
        .unwrap();
    let newer = Branch {
        branch: "pgbouncer_stat_125".into(),
        min: 12_500,
        ..stat.clone()
    };
    stat.max = 12_500;
    branches.push(newer);
}

/// The rows below the heading. No field of these files is quoted.
fn rows(text: &str, width: usize) -> Vec<Vec<String>> {
    let rows = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').map(str::to_owned).collect());
    rows.inspect(|row: &Vec<String>| assert_eq!(row.len(), width, "{row:?}"))
        .collect()
}

fn branch(row: &[String], metrics: &[Vec<String>]) -> Branch {
    let branch = Branch {
        collector: row[1].clone(),
        branch: row[2].clone(),
        min: row[3].parse().unwrap_or(0),
        max: row[4].parse().unwrap_or(u32::MAX),
        tags: words(&row[5]),
        ttl: row[6].parse().unwrap_or(0.0),
        timeout: row[7].parse().unwrap(),
        fatal: row[8] == "true",
        skip: row[9] == "true",
        predicates: row[10].split_terminator(';').map(str::to_owned).collect(),
        labels: words(&row[11]),
        metrics: metrics
            .iter()
            .filter(|metric| metric[4] == row[2])
            .map(|row| metric(row))
            .collect(),
    };
    assert_eq!(branch.metrics.len().to_string(), row[12], "{}", branch.branch);
    branch
}

fn metric(row: &[String]) -> Metric {
    Metric {
        name: row[0].clone(),
        kind: row[1].clone(),
        column: row[5].clone(),
        scale: if row[6].is_empty() {
            1.0
        } else {
            row[6].parse().unwrap()
        },
        default: (!row[7].is_empty()).then(|| row[7].parse().unwrap()),
        buckets: words(&row[8])
            .iter()
            .map(|bound| bound.parse().unwrap())
            .collect(),
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
