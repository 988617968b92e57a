//! `check --targets`: mistakes in the files that name servers, and whether these let the exporter in.

use std::process::ExitCode;
use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::stream;
use pg_exporter_schema::{Diagnostic, Severity};

use super::written;
use crate::fleet;
use crate::fleet::{FleetSources, TargetSettings};
use crate::program::cli::{ReportFormat, write_stdout};
use crate::program::commands::runtime;
use crate::program::setup::Setup;
use crate::program::stop::Stop;

/// Connects under way at the same time.
const AT_A_TIME: usize = 16;

/// Writes every finding. Exit code 1 if there is one.
pub(crate) fn targets(
    setup: &Setup,
    sources: &FleetSources,
    connect: bool,
    format: ReportFormat,
) -> Result<ExitCode, Stop> {
    let catalog = setup.catalog()?;
    let findings = match fleet::check(sources, &catalog) {
        Err(error) => error.diagnostics,
        Ok(targets) if connect => runtime()?.block_on(refused(&targets)),
        Ok(_) => Vec::new(),
    };
    write_stdout(written(&findings, format)?.as_bytes()).map_err(Stop::failure)?;
    Ok(match findings.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// What keeps the exporter out of servers, by target.
async fn refused(targets: &[TargetSettings]) -> Vec<Diagnostic> {
    let each = stream::iter(targets).map(|target| async move {
        let endpoint = &target.endpoint;
        let failure = match endpoint
            .connect(Instant::now() + endpoint.longest_connect())
            .await
        {
            Ok(session) => {
                session.close().await;
                return None;
            }
            Err(failure) => failure,
        };
        Some(Diagnostic {
            file: format!("target {}", target.name.as_deref().unwrap_or_default()),
            line: 0,
            column: 0,
            severity: Severity::Error,
            message: failure.to_string(),
        })
    });
    each.buffered(AT_A_TIME)
        .filter_map(std::future::ready)
        .collect()
        .await
}
