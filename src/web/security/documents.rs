//! A web configuration file with what it names, and the mistakes found in them.

use std::path::{Path, PathBuf};

use pg_exporter_schema::{At, Diagnostic, Pem, Position, Severity, Source, WebOptions, web_options};
use zeroize::Zeroizing;

use super::error::WebConfigError;
use super::watched::Watched;
use crate::files::Files;

/// The file being read.
pub(super) struct Documents {
    shown: String,
    folder: PathBuf,
    pub(super) files: Watched,
    found: Vec<Diagnostic>,
}

impl Documents {
    pub(super) fn new(path: &Path, files: Files) -> Self {
        Self {
            shown: path.to_string_lossy().into_owned(),
            folder: path.parent().map(Path::to_owned).unwrap_or_default(),
            files: Watched::new(files),
            found: Vec::new(),
        }
    }

    /// What the file says, if it is well-formed.
    pub(super) fn options(&mut self, path: &Path) -> Option<WebOptions> {
        let text = match self.files.read(path) {
            Ok(text) => text,
            Err(error) => {
                let advice = "name a file that can be read with --web.config.file";
                self.error(Position::default(), format!("cannot be read: {error}; {advice}"));
                return None;
            }
        };
        match web_options(&Source::new(self.shown.clone(), text.bytes())) {
            Ok(options) => Some(options),
            Err(found) => {
                self.found = found;
                None
            }
        }
    }

    /// The text of a certificate or key: of a file, whose path is relative to the folder of the configuration, or inline.
    pub(super) fn pem(&mut self, pem: &Pem) -> Option<Zeroizing<Vec<u8>>> {
        let path = match pem {
            Pem::Inline(text) => return Some(Zeroizing::new(text.value.expose().to_vec())),
            Pem::File(path) => path,
        };
        let resolved = self.folder.join(&path.value);
        match self.files.read(&resolved) {
            Ok(text) => Some(Zeroizing::new(text.bytes().to_vec())),
            Err(error) => {
                self.error(
                    path.position,
                    format!("{} cannot be read: {error}", resolved.display()),
                );
                None
            }
        }
    }

    /// Notes a mistake at a place of the file.
    pub(super) fn error(&mut self, position: Position, message: impl Into<String>) {
        self.found.push(Diagnostic {
            file: self.shown.clone(),
            line: position.line,
            column: position.column,
            severity: Severity::Error,
            // One mistake, one line, whatever a value held.
            message: message.into().replace(char::is_control, " "),
        });
    }

    /// Notes a mistake at a value.
    pub(super) fn wrong<T>(&mut self, value: &At<T>, message: impl Into<String>) {
        self.error(value.position, message);
    }

    /// `value`, if no mistake was found.
    pub(super) fn finish<T>(mut self, value: Option<T>) -> (Watched, Result<T, WebConfigError>) {
        self.found.sort_by_key(|found| (found.line, found.column));
        let result = match value {
            Some(value) if self.found.is_empty() => Ok(value),
            _ => Err(WebConfigError {
                diagnostics: self.found,
            }),
        };
        (self.files, result)
    }
}

/// Where a certificate or key stands.
pub(super) fn position(pem: &Pem) -> Position {
    match pem {
        Pem::File(path) => path.position,
        Pem::Inline(text) => text.position,
    }
}
