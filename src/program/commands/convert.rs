//! `convert`: files of other exporters in this exporter's language.

use std::path::PathBuf;
use std::process::ExitCode;

use pg_exporter_schema::{convert, read_path};

use crate::program::cli::{write_stderr, write_stdout};
use crate::program::stop::Stop;
use crate::values::text::on_one_line;

/// Writes the definitions to standard output, and to standard error what could not be carried over.
pub(crate) fn run(files: &[PathBuf]) -> Result<ExitCode, Stop> {
    let mut sources = Vec::new();
    for file in files {
        sources.extend(read_path(file).map_err(Stop::usage)?);
    }
    let converted = convert(&sources);
    for found in &converted.diagnostics {
        let found = found.to_string();
        write_stderr(format!("{}\n", on_one_line(&found)).as_bytes()).map_err(Stop::failure)?;
    }
    write_stdout(converted.text.as_bytes()).map_err(Stop::failure)?;
    Ok(if converted.is_incomplete() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
