//! `check`: mistakes in definitions, and what a server says to their statements.

mod lock;
mod place;
mod record;
mod server;
mod targets;
mod unfit;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use pg_exporter_schema::{Collector, Diagnostic, Severity, Strictness};

use crate::catalog;
use crate::catalog::{LoadError, Loaded};
use crate::program::cli::{ReportFormat, write_stdout};
use crate::program::setup::Setup;
use crate::program::stop::Stop;
use crate::values::text::{in_json, on_one_line};
use crate::web;

pub(crate) use targets::targets;

/// How a check goes about it.
#[derive(Debug)]
pub(crate) struct Manner {
    /// Warnings count as mistakes.
    pub(crate) strict: bool,
    /// What servers say is written beside the definitions.
    pub(crate) record: bool,
    /// How findings are written.
    pub(crate) format: ReportFormat,
}

/// Writes every finding about the paths, or about the configuration in use. Servers are asked when the command line
/// names some: a check must not contact the production server that the environment may name.
pub(crate) fn run(setup: &Setup, paths: &[PathBuf], manner: &Manner) -> Result<ExitCode, Stop> {
    if manner.record && setup.settings.urls.is_empty() {
        let advice = "--record writes what servers say: name each with --url";
        return Err(Stop::usage(advice));
    }
    let strictness = if manner.strict {
        Strictness::Strict
    } else {
        Strictness::Lenient
    };
    let in_use = setup.settings.config.as_deref();
    let each: Vec<Option<&Path>> = if paths.is_empty() {
        vec![in_use]
    } else {
        paths.iter().map(|path| Some(path.as_path())).collect()
    };
    let lock_strictness = lock::strictness()?;
    let mut findings = Vec::new();
    let mut sound = Vec::new();
    for path in each {
        // Where servers are asked, they say it themselves.
        if let Some(path) = path.filter(|_| setup.settings.urls.is_empty()) {
            findings.extend(lock::differences(path, &setup.settings.files, lock_strictness));
        }
        match catalog::load(setup.base(), path, &setup.settings.files, strictness) {
            Ok(Loaded { live, warnings, .. }) => {
                findings.extend(warnings);
                // A path is checked for what it defines, the configuration in use for all of it.
                let is_meant = |collector: &Arc<Collector>| paths.is_empty() || is_of(collector, path);
                sound.extend(
                    live.collectors
                        .iter()
                        .filter(|collector| is_meant(collector))
                        .cloned(),
                );
            }
            Err(LoadError { diagnostics }) => findings.extend(diagnostics),
        }
    }
    let web_config = setup.settings.web_config.as_deref();
    if let Some(Err(error)) = web_config.map(|path| web::Security::open(path, &setup.settings.files)) {
        findings.extend(error.diagnostics);
    }
    let is_error = |finding: &Diagnostic| finding.severity == Severity::Error;
    // What cannot be loaded has no statements to record.
    let is_recorded = manner.record && !findings.iter().any(is_error);
    if !setup.settings.urls.is_empty() {
        let answers = server::ask(setup, &sound, is_recorded, manner.strict)?;
        findings.extend(answers.findings);
        if is_recorded {
            record::write(&sound, paths, &answers.recording)?;
        }
    }
    write_stdout(written(&findings, manner.format)?.as_bytes()).map_err(Stop::failure)?;
    let is_bad = findings.iter().any(|finding| manner.strict || is_error(finding));
    Ok(if is_bad {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Whether the collector is defined in a file, or in one of a directory.
fn is_of(collector: &Collector, path: Option<&Path>) -> bool {
    path.is_some_and(|path| Path::new(&*collector.origin.file).starts_with(path))
}

fn written(findings: &[Diagnostic], format: ReportFormat) -> Result<String, Stop> {
    match format {
        ReportFormat::Text => Ok(findings.iter().fold(String::new(), |mut text, finding| {
            let _ = writeln!(text, "{}", on_one_line(&finding.to_string()));
            text
        })),
        ReportFormat::Json => json(findings),
    }
}

fn json(findings: &[Diagnostic]) -> Result<String, Stop> {
    let list: Vec<_> = findings
        .iter()
        .map(|finding| {
            let severity = if finding.severity == Severity::Error {
                "error"
            } else {
                "warning"
            };
            serde_json::json!({
                "file": finding.file,
                "line": finding.line,
                "column": finding.column,
                "severity": severity,
                "message": finding.message,
            })
        })
        .collect();
    serde_json::to_string_pretty(&list)
        .map(|text| in_json(text + "\n"))
        .map_err(Stop::failure)
}
