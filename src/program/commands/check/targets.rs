//! `check --targets`: mistakes in the files that name servers, and whether these let the exporter in.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream;
use pg_exporter_schema::{Diagnostic, Severity};
use tokio::task::spawn_blocking;

use super::written;
use crate::fleet;
use crate::fleet::{FleetSources, TargetSettings};
use crate::program::cli::{ReportFormat, write_stdout};
use crate::program::commands::runtime;
use crate::program::setup::Setup;
use crate::program::stop::Stop;

/// Connects under way at the same time.
const AT_A_TIME: usize = 16;

/// For how long a password command is waited for: each has 10 s, and a few of those above run at a time.
const OF_A_COMMAND: Duration = Duration::from_secs(60);

/// Writes every finding. Exit code 1 if there is one.
pub(crate) fn targets(
    setup: &Setup,
    sources: &FleetSources,
    connect: bool,
    format: ReportFormat,
) -> Result<ExitCode, Stop> {
    let catalog = setup.catalog()?;
    let mut sources = sources.clone();
    sources.base.files = sources.base.files.with_patient_commands();
    let findings = match fleet::check(&sources, &catalog) {
        Err(error) => error.diagnostics,
        Ok(targets) if connect => runtime()?.block_on(refused(&targets)),
        Ok(_) => Vec::new(),
    };
    sources.base.files.commands().end();
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
        // Its time is none of the server's.
        let info = Arc::clone(&endpoint.info);
        let _ = spawn_blocking(move || info.prepare_passwords(OF_A_COMMAND)).await;
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
