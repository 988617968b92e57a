//! The set in force: what is compiled in, and a run-time layer over it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pg_exporter_schema::{Collector, Diagnostic, Severity, Source, Strictness, Text, layer};

use super::{Live, descriptors};
use crate::files::{FileError, Files};

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
    /// The same in a few lines.
    pub brief: Vec<String>,
}

/// The compiled set with the layer of a file or directory over it, validated as a whole.
///
/// # Errors
/// All mistakes, when there is one that makes the set unusable: nothing is loaded then.
pub fn load(
    compiled: &[Collector],
    config: Option<&Path>,
    files: &Files,
    strictness: Strictness,
) -> Result<Loaded, LoadError> {
    let sources = match config {
        Some(path) => read(path, files)?,
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
        brief: outcome.brief,
    })
}

/// Bytes of definitions that are more than a set may have.
const ENOUGH: usize = 4 << 20;

/// As many collectors are replaced on purpose by nobody: it is the complete set that packages of 1.x installed.
const COMPLETE: usize = 20;

/// What to tell of a layer that defines most of the compiled set anew, as `/etc/pg_exporter.yml` of 1.x does; nothing of others.
#[must_use]
pub fn superseded<'a>(
    compiled: &[Collector],
    live: impl IntoIterator<Item = &'a Collector>,
) -> Option<String> {
    let is_compiled = |collector: &Collector| {
        let same = |one: &Collector| one.branch == collector.branch && one.origin == collector.origin;
        compiled.iter().any(same)
    };
    let defined: BTreeSet<&str> = live
        .into_iter()
        .filter(|collector| !is_compiled(collector))
        .map(|collector| collector.name.as_ref())
        .collect();
    let known: BTreeSet<&str> = compiled.iter().map(|collector| collector.name.as_ref()).collect();
    let replaced = defined.intersection(&known).count();
    (replaced >= COMPLETE).then(|| {
        format!(
            "1.x definitions replace {replaced} compiled collectors; remove --config to use the compiled ones (or this file, \
             where no --config names it): they know newer servers and mend values of 1.x"
        )
    })
}

/// Reads a file, or every definition file directly inside a folder. What stands in the folder and cannot be read is a mistake,
/// each by its name: a mount that is missing would else mean collectors that are missing.
///
/// # Errors
/// Everything that cannot be read, or that a folder holds no definition file.
pub fn read(path: &Path, files: &Files) -> Result<Vec<Source>, LoadError> {
    let shown = path.to_string_lossy();
    let shown = shown.trim_end_matches('/');
    let unreadable = |path: String, error: &FileError| unplaced(path, &format!("cannot be read: {error}"));
    let listed = files.definitions(path).map_err(|error| LoadError {
        diagnostics: vec![unreadable(shown.to_owned(), &error)],
    })?;
    let named: Vec<_> = match listed {
        None => vec![(shown.to_owned(), path.to_owned())],
        Some(listed) if listed.is_empty() => {
            let message = "no *.yml or *.yaml file in this directory";
            return Err(LoadError {
                diagnostics: vec![unplaced(shown.to_owned(), message)],
            });
        }
        Some(listed) => listed.into_iter().map(|file| named(shown, file)).collect(),
    };
    let mut sources = Vec::new();
    let mut diagnostics = Vec::new();
    let mut size = 0;
    for (shown, file) in named {
        match files.read(&file) {
            Ok(content) => {
                size += content.bytes().len();
                sources.push(Source::new(shown, content.bytes()));
                // The layer says so, by the name of this one. A folder of any size is not in memory for that.
                if size > ENOUGH {
                    break;
                }
            }
            Err(error) => diagnostics.push(unreadable(shown, &error)),
        }
    }
    if diagnostics.is_empty() {
        Ok(sources)
    } else {
        Err(LoadError { diagnostics })
    }
}

/// A file of a folder under the folder's name as given.
fn named(folder: &str, file: PathBuf) -> (String, PathBuf) {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    (format!("{folder}/{name}"), file)
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
