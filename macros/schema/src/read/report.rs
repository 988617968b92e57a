//! Collects mistakes, so that all of them are shown and not only the first.

use std::collections::HashMap;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Severity};
use super::position::{Location, Position};

/// How findings are judged that pg_exporter 1.x let pass: unknown keys, overlapping branches, names that clash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// They are errors. For builds and `check --strict`.
    Strict,
    /// They are warnings, so that unmodified 1.x files load. For run time.
    Lenient,
}

/// The mistakes found so far.
#[derive(Debug)]
pub(crate) struct Report {
    strictness: Strictness,
    found: Vec<Diagnostic>,
}

/// A report seen from within one file.
#[derive(Debug)]
pub(crate) struct FileReport<'a> {
    report: &'a mut Report,
    pub(crate) file: Arc<str>,
}

impl Report {
    pub(crate) fn new(strictness: Strictness) -> Self {
        Self {
            strictness,
            found: Vec::new(),
        }
    }

    pub(crate) fn in_file(&mut self, file: &Arc<str>) -> FileReport<'_> {
        FileReport {
            report: self,
            file: Arc::clone(file),
        }
    }

    /// The definition cannot be used.
    pub(crate) fn error(&mut self, place: &Location, message: impl Into<String>) {
        self.add(place, Severity::Error, &message.into());
    }

    /// The definition is usable.
    pub(crate) fn warning(&mut self, place: &Location, message: impl Into<String>) {
        self.add(place, Severity::Warning, &message.into());
    }

    /// What 1.x let pass.
    pub(crate) fn finding(&mut self, place: &Location, message: impl Into<String>) {
        let severity = match self.strictness {
            Strictness::Strict => Severity::Error,
            Strictness::Lenient => Severity::Warning,
        };
        self.add(place, severity, &message.into());
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.found.iter().any(|found| found.severity == Severity::Error)
    }

    fn errors(&self) -> usize {
        self.found
            .iter()
            .filter(|found| found.severity == Severity::Error)
            .count()
    }

    fn add(&mut self, place: &Location, severity: Severity, message: &str) {
        self.found.push(Diagnostic {
            file: place.file.to_string(),
            line: place.position.line,
            column: place.position.column,
            severity,
            // One mistake, one line, whatever a quoted key held.
            message: message.replace(char::is_control, " "),
        });
    }

    /// All of them by file, line and column, many warnings of one kind as a few and a count.
    pub(crate) fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.found.sort_by(|a, b| {
            (&a.file, a.line, a.column, &a.message).cmp(&(&b.file, b.line, b.column, &b.message))
        });
        self.found.dedup();
        counted(self.found)
    }
}

/// So many warnings of a kind are shown one by one.
const MOST: usize = 10;

/// So many of them are shown where there are more.
const FEW: usize = 2;

/// Puts a count in the place of warnings of a kind of which there are many.
fn counted(found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut kinds: HashMap<String, (usize, usize)> = HashMap::new();
    for warning in found.iter().filter(|one| one.severity == Severity::Warning) {
        kinds.entry(kind(&warning.message)).or_default().0 += 1;
    }
    let mut kept = Vec::with_capacity(found.len());
    for mut one in found {
        if one.severity == Severity::Warning
            && let Some((all, seen)) = kinds.get_mut(&kind(&one.message))
            && *all > MOST
        {
            *seen += 1;
            match *seen {
                seen if seen <= FEW => {}
                seen if seen == FEW + 1 => {
                    let more = *all - seen;
                    one.message = format!("{} (and {more} more of this kind)", one.message);
                }
                _ => continue,
            }
        }
        kept.push(one);
    }
    kept
}

/// A message without what differs from one mistake to the next: what it quotes, numbers, advice.
fn kind(message: &str) -> String {
    let said = message.split([';', ',']).next().unwrap_or_default();
    let words = said.split('`').step_by(2);
    words
        .flat_map(str::chars)
        .filter(|c| !c.is_ascii_digit())
        .collect()
}

impl FileReport<'_> {
    pub(crate) fn error(&mut self, position: Position, message: impl Into<String>) {
        self.report.error(&Location::new(&self.file, position), message);
    }

    pub(crate) fn warning(&mut self, position: Position, message: impl Into<String>) {
        self.report.warning(&Location::new(&self.file, position), message);
    }

    pub(crate) fn finding(&mut self, position: Position, message: impl Into<String>) {
        self.report.finding(&Location::new(&self.file, position), message);
    }

    /// How many errors there are so far, over all files: whether a step added one.
    pub(crate) fn errors(&self) -> usize {
        self.report.errors()
    }
}
