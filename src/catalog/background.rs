//! A reload beside the runtime that serves probes.

use std::sync::Arc;

use super::load::unplaced;
use super::{Catalog, Change, LoadError};

/// Runs [`Catalog::reload`] on a thread for blocking work and logs what came of it. `by` names who asked. Needs a
/// runtime.
///
/// # Errors
/// As [`Catalog::reload`].
pub async fn reload_in_background(
    catalog: Arc<Catalog>,
    dry_run: bool,
    by: &str,
) -> Result<Change, LoadError> {
    let reload = tokio::task::spawn_blocking(move || catalog.reload(dry_run)).await;
    let answer = reload.unwrap_or_else(|_| {
        // It panicked, or the exporter is about to end.
        let message = "did not come to its end; the configuration in force stays";
        Err(LoadError {
            diagnostics: vec![unplaced("reload".to_owned(), message)],
        })
    });
    match &answer {
        Ok(change) if dry_run => tracing::info!(by, "reload tried: {change}"),
        Ok(change) => tracing::info!(by, "configuration reloaded: {change}"),
        Err(error) => tracing::error!(by, "reload failed, the configuration in force stays: {error}"),
    }
    answer
}
