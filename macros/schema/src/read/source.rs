//! Reads definition files. The only I/O of this crate.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::model::Text;

/// What a definition file may have, in bytes. The shipped ones have 5 KiB.
const LARGEST: u64 = 2 << 20;

/// A definition file's text and the name it goes by in messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file as messages and generated code show it. Never a path of the machine that builds.
    pub path: Text,
    /// Its bytes. They must be UTF-8; the parser says where they are not.
    pub text: Vec<u8>,
    /// Rank of the directory it came from. A branch of a higher directory replaces one of a lower; twice in one
    /// directory it is a mistake.
    pub directory: usize,
}

impl Source {
    /// A source of the first directory.
    pub fn new(path: impl Into<Text>, text: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
            directory: 0,
        }
    }
}

/// Reads every `*.yml` and `*.yaml` directly inside a directory, in file-name order. Each is named
/// `<shown>/<file name>`.
///
/// # Errors
/// When the directory or one of the files cannot be read; the message names it.
pub fn read_dir(directory: &Path, shown: &str) -> io::Result<Vec<Source>> {
    definition_files(directory)?
        .iter()
        .map(|file| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let path = if shown.is_empty() {
                name.into_owned()
            } else {
                format!("{shown}/{name}")
            };
            read_file(file, path)
        })
        .collect()
}

/// Reads a file, or every definition file directly inside a directory, each under its path as given.
///
/// # Errors
/// When something cannot be read, or a directory holds no definition file; the message names it.
pub fn read_path(path: &Path) -> io::Result<Vec<Source>> {
    let shown = path.to_string_lossy();
    let shown = shown.trim_end_matches('/');
    if !path.is_dir() {
        return Ok(vec![read_file(path, shown.to_owned())?]);
    }
    let sources = read_dir(path, shown)?;
    if sources.is_empty() {
        let message = format!("{shown}: no *.yml or *.yaml file in this directory");
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    Ok(sources)
}

/// Reads a file that lies beside definitions, named `<shown>/<file name>`; `None` when it is not there.
///
/// # Errors
/// When it is there and cannot be read; the message names it.
pub fn read_lock(directory: &Path, shown: &str, name: &str) -> io::Result<Option<Source>> {
    let path = if shown.is_empty() {
        name.to_owned()
    } else {
        format!("{shown}/{name}")
    };
    match read_file(&directory.join(name), path) {
        Ok(source) => Ok(Some(source)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The definition files directly inside a directory, in file-name order.
///
/// # Errors
/// When the directory cannot be read.
pub fn definition_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let named = |error: io::Error| with_path(&error, directory);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(named)? {
        let path = entry.map_err(named)?.path();
        let is_definition = path.extension().is_some_and(|ext| ext == "yml" || ext == "yaml");
        // What cannot be read as a file is a mistake for who reads it. Editors keep their locks beside a file as `.#name`.
        let is_lock = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b".#"));
        if is_definition && !is_lock {
            files.push(path);
        }
    }
    files.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    Ok(files)
}

/// What a build script prints so that Cargo rebuilds when a definition file or the lock beside it is edited, added or removed.
///
/// ```no_run
/// println!("{}", pg_exporter_schema::rerun_if_changed("collectors".as_ref()));
/// ```
#[must_use]
pub fn rerun_if_changed(directory: &Path) -> String {
    let mut lines = format!("cargo::rerun-if-changed={}", directory.display());
    for file in definition_files(directory).unwrap_or_default() {
        lines.push_str(&format!("\ncargo::rerun-if-changed={}", file.display()));
    }
    // A path that is not there would mean a rebuild each time; the directory tells when it comes.
    let lock = directory.join("statements.lock");
    if lock.is_file() {
        lines.push_str(&format!("\ncargo::rerun-if-changed={}", lock.display()));
    }
    lines
}

fn read_file(file: &Path, shown: String) -> io::Result<Source> {
    let named = |error: io::Error| with_path(&error, file);
    let mut text = Vec::new();
    let mut opened = File::open(file).map_err(named)?.take(LARGEST + 1);
    opened.read_to_end(&mut text).map_err(named)?;
    if text.len() as u64 > LARGEST {
        let message = format!(
            "larger than {} MiB, the most a definition file may have; split it",
            LARGEST >> 20
        );
        return Err(named(io::Error::new(io::ErrorKind::FileTooLarge, message)));
    }
    Ok(Source::new(shown, text))
}

fn with_path(error: &io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
