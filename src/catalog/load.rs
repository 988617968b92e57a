//! The set in force: what is compiled in, and a run-time layer over it.

use std::path::Path;

use pg_exporter_schema::{Collector, Diagnostic, Severity, Source, Strictness, Text, layer, read_path};

use super::{Live, descriptors};

/// A set that cannot be used, with every reason.
#[derive(Debug, thiserror::Error)]
#[error("{}", errors(.diagnostics))]
pub struct LoadError {
    /// All findings, warnings included; the message is made of the errors among them.
    pub diagnostics: Vec<Diagnostic>,
}

/// A loaded set and what is odd about it.
#[derive(Debug)]
pub struct Loaded {
    /// The set.
    pub live: Live,
    /// The files of the layer that were read, in order.
    pub files: Vec<Text>,
    /// Findings that do not keep the set from being used.
    pub warnings: Vec<Diagnostic>,
}

/// The compiled set with the layer of a file or directory over it, validated as a whole.
///
/// # Errors
/// All mistakes, when there is one that makes the set unusable: nothing is loaded then.
pub fn load(
    compiled: &[Collector],
    config: Option<&Path>,
    strictness: Strictness,
) -> Result<Loaded, LoadError> {
    let sources = match config {
        Some(path) => read(path)?,
        None => Vec::new(),
    };
    let outcome = layer(compiled, &sources, strictness);
    if outcome.has_errors() {
        return Err(LoadError {
            diagnostics: outcome.diagnostics,
        });
    }
    if config.is_some() && outcome.collectors.is_empty() {
        let path = config.unwrap_or(Path::new("")).display().to_string();
        return Err(LoadError {
            diagnostics: vec![unplaced(path, "no collector is defined here")],
        });
    }
    for collector in &outcome.collectors {
        descriptors(collector).map_err(|error| {
            let file = collector.origin.file.to_string();
            let place = Diagnostic {
                line: collector.origin.line,
                column: 1,
                ..unplaced(file, &error.to_string())
            };
            LoadError {
                diagnostics: vec![place],
            }
        })?;
    }
    Ok(Loaded {
        live: Live::new(outcome.collectors),
        files: sources.into_iter().map(|source| source.path).collect(),
        warnings: outcome.diagnostics,
    })
}

fn read(path: &Path) -> Result<Vec<Source>, LoadError> {
    read_path(path).map_err(|error| {
        let message = format!("cannot be read: {error}");
        LoadError {
            diagnostics: vec![unplaced(path.display().to_string(), &message)],
        }
    })
}

/// An error about something that has no lines.
pub(super) fn unplaced(file: String, message: &str) -> Diagnostic {
    Diagnostic {
        file,
        line: 0,
        column: 0,
        severity: Severity::Error,
        message: message.to_owned(),
    }
}

fn errors(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics
        .iter()
        .filter(|found| found.severity == Severity::Error);
    errors.map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
