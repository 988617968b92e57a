//! Collects mistakes, so that all of them are shown and not only the first.

use std::sync::Arc;

use super::diagnostic::{Diagnostic, Severity};
use super::kinds::{brief, counted};
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
    /// How many of them are errors: asked at each key of a file.
    errors: usize,
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
            errors: 0,
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
        self.errors > 0
    }

    fn add(&mut self, place: &Location, severity: Severity, message: &str) {
        self.errors += usize::from(severity == Severity::Error);
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
    pub(crate) fn into_sorted(self) -> Vec<Diagnostic> {
        self.into_sorted_and_brief().0
    }

    /// As [`into_sorted`](Self::into_sorted), and the warnings among them in a few lines.
    pub(crate) fn into_sorted_and_brief(mut self) -> (Vec<Diagnostic>, Vec<String>) {
        self.found.sort_by(|a, b| {
            (&a.file, a.line, a.column, &a.message).cmp(&(&b.file, b.line, b.column, &b.message))
        });
        self.found.dedup();
        let brief = brief(&self.found);
        (counted(self.found), brief)
    }
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
        self.report.errors
    }
}
