//! Serving: the rooms wired together, until a signal.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::exporter::Readers;
use super::logging;
use super::scope::Scope;
use super::setup::Setup;
use super::stop::Stop;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};

use crate::catalog::{self, Catalog};
use crate::fleet::Fleet;
use crate::postgres::connect::Endpoint;
use crate::self_metrics::Telemetry;
use crate::service::Manager;
use crate::web;

pub(super) fn serve(setup: &Setup, readers: Readers) -> Result<ExitCode, Stop> {
    let settings = &setup.settings;
    let scope = Scope::of(setup)?;
    let catalog = setup.catalog()?;
    let security = setup.security()?;
    let listeners = if settings.systemd_socket {
        web::activated().map_err(Stop::usage)?
    } else {
        web::bind(&settings.listen).map_err(Stop::usage)?
    };
    let runtime = runtime()?;
    match &scope {
        Scope::One(target) if settings.fail_fast => fail_fast(&runtime, &target.endpoint)?,
        Scope::Many(_) if settings.fail_fast => {
            tracing::warn!("--fail-fast is not used: of many targets none keeps the others waiting");
        }
        _ => {}
    }
    let collectors = catalog.live().collectors.len();
    let server = scope.name();
    let telemetry = Arc::new(Telemetry::new().map_err(Stop::failure)?);
    let rows = readers.start().map_err(Stop::failure)?;
    let scraped = scope.start(&catalog, &telemetry, rows)?;
    let (tls, passwords) = (security.has_tls(), security.has_users());
    let addresses: Vec<String> = listeners.iter().map(ToString::to_string).collect();
    let addresses = addresses.join(" ");
    tracing::info!(
        server,
        collectors,
        config = named(
            &catalog
                .status()
                .files
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        ),
        web_config = settings
            .web_config
            .as_ref()
            .map(|path| path.display().to_string()),
        addresses,
        tls,
        passwords,
        "serving"
    );
    logging::serving(telemetry.log_lines_dropped().clone());
    let manager = Manager::from_environment();
    let context = web::Context::new(
        Arc::clone(&scraped.targets),
        Arc::clone(&catalog),
        setup.web_options(),
        telemetry,
        manager.clone(),
        security,
    )
    .with_fleet(scraped.fleet.clone());
    runtime.block_on(async {
        let mut termination = web::Termination::new().map_err(Stop::failure)?;
        let reloads = tokio::spawn(reload_on_signal(
            web::Reloads::new().map_err(Stop::failure)?,
            catalog,
            scraped.fleet.clone(),
            manager.clone(),
        ));
        let watch = scraped.fleet.clone().map(|fleet| tokio::spawn(fleet.watch()));
        let looked_at = scraped.clone();
        let (state, is_alive) = (move || scraped.state(), move || looked_at.is_alive());
        let report = tokio::spawn(manager.clone().report(state, is_alive));
        manager.ready();
        let served = web::serve(listeners, Arc::new(context), async {
            let signal = termination.wait().await;
            tracing::info!(signal, "stopping: running requests end first");
            manager.stopping();
        });
        served.await.map_err(Stop::failure)?;
        reloads.abort();
        report.abort();
        if let Some(watch) = watch {
            watch.abort();
        }
        Ok(())
    })?;
    runtime.shutdown_timeout(Duration::from_millis(100));
    setup.settings.files.commands().end();
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Configuration files named on the start line.
const NAMED: usize = 20;

/// The names of files, or of some of very many.
fn named(files: &[String]) -> String {
    let shown = files.get(..NAMED).unwrap_or(files).join(" ");
    match files.len().saturating_sub(NAMED) {
        0 if files.is_empty() => "none".to_owned(),
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Where connections stay on the thread that accepts them.
fn runtime() -> Result<LocalRuntime, Stop> {
    let mut builder = Builder::new_current_thread();
    let builder = builder.enable_all();
    builder
        .build_local(LocalOptions::default())
        .map_err(Stop::failure)
}

async fn reload_on_signal(
    mut signals: web::Reloads,
    catalog: Arc<Catalog>,
    fleet: Option<Arc<Fleet>>,
    manager: Manager,
) {
    loop {
        let signal = signals.wait().await;
        let _told = manager.reloading();
        // What came of it is in the log.
        let _ = catalog::reload_in_background(Arc::clone(&catalog), false, signal).await;
        if let Some(fleet) = fleet.clone() {
            let _ = fleet.reload_in_background(false, signal).await;
        }
    }
}

fn fail_fast(runtime: &LocalRuntime, endpoint: &Endpoint) -> Result<(), Stop> {
    let deadline = Instant::now() + endpoint.connect_timeout * 4;
    let session = runtime.block_on(endpoint.connect(deadline));
    session
        .map(drop)
        .map_err(|failure| Stop::failure(format!("the target cannot be reached: {failure}")))
}
