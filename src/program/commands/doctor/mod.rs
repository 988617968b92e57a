//! `doctor`: connects, scrapes once, and says what is wrong and which statement puts it right.

mod asking;
mod examine;
mod extensions;
mod findings;
mod others;

use std::process::ExitCode;

use crate::program::cli::{ReportFormat, write_stdout};
use crate::program::setup::Setup;
use crate::program::stop::Stop;

/// Writes what was found. The exit code is 0 when nothing is wrong, 1 otherwise; 2 when the target cannot be reached.
pub(crate) fn run(setup: &Setup, format: ReportFormat) -> Result<ExitCode, Stop> {
    let findings = examine::target(setup)?;
    let text = match format {
        ReportFormat::Text => findings.text(),
        ReportFormat::Json => findings.json(),
    };
    write_stdout(text.as_bytes()).map_err(Stop::failure)?;
    Ok(if findings.problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
