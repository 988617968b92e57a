//! Why a web configuration file cannot be used.

use pg_exporter_schema::{Diagnostic, Severity};

/// A web configuration file that cannot be used, with every reason, one a line.
#[derive(Debug, thiserror::Error)]
#[error("{}", .diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct WebConfigError {
    /// What is wrong, where, what to write instead.
    pub diagnostics: Vec<Diagnostic>,
}

impl WebConfigError {
    /// A reason that has no place in the file.
    pub(super) fn unplaced(message: &str) -> Self {
        let diagnostic = Diagnostic {
            file: "--web.config.file".to_owned(),
            line: 0,
            column: 0,
            severity: Severity::Error,
            message: message.to_owned(),
        };
        Self {
            diagnostics: vec![diagnostic],
        }
    }
}
