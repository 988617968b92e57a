//! Definitions against what was recorded: what a server would find fault with, told without one.

use std::collections::BTreeSet;

use super::branch::{Branch, Finding};
use super::coverage::{Coverage, coverage};
use super::fingerprint::fingerprint;
use super::locks::{LockStrictness, Locks};
use super::record::{Entry, Lock, Part, Statement};
use super::result;
use super::seen::Seen;
use crate::read::diagnostic::{Diagnostic, Severity};
use crate::read::source::Source;
use crate::resolve::layer::Outcome;

impl Locks {
    /// Every difference between the definitions and what was recorded of them.
    #[must_use]
    pub fn judge(
        &self,
        outcome: &Outcome,
        sources: &[Source],
        strictness: LockStrictness,
    ) -> Vec<Diagnostic> {
        if strictness == LockStrictness::Off {
            return Vec::new();
        }
        let mut found = self.damages.clone();
        let mut unlocked = BTreeSet::new();
        for (collector, places) in outcome.collectors.iter().zip(&outcome.places) {
            match self.beside(collector) {
                Some((_, lock)) => {
                    let source = sources.iter().find(|source| source.path == collector.origin.file);
                    let text = source.map(|source| String::from_utf8_lossy(&source.text));
                    let branch = Branch {
                        collector,
                        places,
                        file: text.as_deref().unwrap_or_default(),
                    };
                    found.extend(branch.judge(lock).into_iter().map(diagnostic));
                }
                None => {
                    unlocked.insert(super::locks::directory(&collector.origin.file));
                }
            }
        }
        if strictness == LockStrictness::Require {
            found.extend(unlocked.into_iter().map(no_lock));
        } else {
            for one in &mut found {
                one.severity = Severity::Warning;
            }
        }
        found.sort_by(|a, b| {
            (&a.file, a.line, a.column, &a.message).cmp(&(&b.file, b.line, b.column, &b.message))
        });
        found.dedup();
        found
    }

    /// What is recorded of branches that are defined no more: it misleads who reads the lock.
    #[must_use]
    pub fn leftovers(&self, outcome: &Outcome) -> Vec<Diagnostic> {
        let is_defined = |statement: &&Statement| {
            let mut branches = outcome.collectors.iter().map(|collector| &*collector.branch);
            branches.any(|branch| branch == statement.branch)
        };
        let of_lock = |(file, lock): (&str, &Lock)| {
            let gone = lock
                .entries
                .iter()
                .filter(|(statement, _)| !is_defined(statement));
            let told = gone.map(|(statement, entry)| Diagnostic {
                file: file.to_owned(),
                line: entry.line,
                column: 1,
                severity: Severity::Warning,
                message: format!(
                    "`{}` is defined no more; record the directory anew",
                    statement.branch
                ),
            });
            told.collect::<Vec<_>>()
        };
        self.all().flat_map(of_lock).collect()
    }
}

fn diagnostic(finding: Finding) -> Diagnostic {
    Diagnostic {
        file: finding.at.file.to_string(),
        line: finding.at.position.line,
        column: finding.at.position.column,
        severity: if finding.is_admitted {
            Severity::Warning
        } else {
            Severity::Error
        },
        message: finding.message,
    }
}

fn no_lock(directory: &str) -> Diagnostic {
    let separator = if directory.is_empty() { "" } else { "/" };
    Diagnostic {
        file: format!("{directory}{separator}statements.lock"),
        line: 0,
        column: 0,
        severity: Severity::Error,
        message: format!(
            "nothing is recorded, and PG_EXPORTER_LOCK=require: run `pg_exporter check {} --url URL --record`",
            if directory.is_empty() { "." } else { directory }
        ),
    }
}

impl Branch<'_> {
    fn judge(&self, lock: &Lock) -> Vec<Finding> {
        let mut found = Vec::new();
        for (number, predicate) in (1..).zip(self.collector.predicates.iter()) {
            let at = self
                .places
                .predicates
                .get(number - 1)
                .unwrap_or(&self.places.query);
            let what = if predicate.name.is_empty() {
                format!("predicate {number} of `{}`", self.collector.branch)
            } else {
                format!("predicate `{}` of `{}`", predicate.name, self.collector.branch)
            };
            match self.current(lock, Part::Predicate(number), &predicate.query) {
                Ok(entry) => result::predicate(&what, &predicate.query, entry, at, &mut found),
                Err(why) => found.push(Finding::new(at, format!("{what} {why}"))),
            }
        }
        match self.current(lock, Part::Query, &self.collector.query) {
            Ok(entry) => {
                result::query(self, entry, &mut found);
                self.cover(lock, entry, &mut found);
            }
            Err(why) => {
                let message = format!("the query of `{}` {why}", self.collector.branch);
                found.push(Finding::new(&self.places.query, message));
            }
        }
        found
    }

    /// What is recorded of a statement, if it is of this text; else what to say behind its name.
    fn current<'l>(&self, lock: &'l Lock, part: Part, sql: &str) -> Result<&'l Entry, String> {
        let statement = Statement {
            branch: self.collector.branch.to_string(),
            part,
        };
        let Some(entry) = lock.entries.get(&statement) else {
            return Err(format!("was never recorded; {RECORD}"));
        };
        if entry.fingerprint == fingerprint(sql, &self.collector.search_path) {
            return Ok(entry);
        }
        let seen = Seen::of(entry.answers.iter().map(|(server, _)| server));
        let seen = if seen.is_empty() {
            String::new()
        } else {
            format!(" on {seen}")
        };
        Err(format!(
            "has another text than the one that was recorded{seen}; {RECORD}"
        ))
    }

    /// Whether some server proves it in each part of its range.
    fn cover(&self, lock: &Lock, entry: &Entry, found: &mut Vec<Finding>) {
        let (message, is_admitted) = match coverage(self.collector, lock, entry) {
            Coverage::Whole => return,
            Coverage::Admitted(why) => (
                format!("`{}` is not proven everywhere: {why}", self.collector.branch),
                true,
            ),
            Coverage::Lacks(what) => (
                format!(
                    "no recorded server proves `{}` {what}; record one, or narrow its versions",
                    self.collector.branch
                ),
                false,
            ),
        };
        found.push(Finding {
            at: self.places.versions.clone(),
            message,
            is_admitted,
        });
    }
}

const RECORD: &str = "run `pg_exporter check --record`";
