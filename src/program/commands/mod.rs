//! What the program does instead of serving.

pub(crate) mod check;
pub(crate) mod convert;
pub(crate) mod doctor;
pub(crate) mod manual;
pub(crate) mod new;
pub(crate) mod probe;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use super::cli::{ReportFormat, write_stdout};
use super::setup::Setup;
use super::stop::Stop;
use crate::catalog::Catalog;
use crate::scrape::overview::{Explain, Statistics};
use crate::scrape::{
    Encoding, Format, Overview, Page, Request, RowHandlers, ScrapeThread, Scraper, Selection, Surroundings,
};
use crate::self_metrics::Telemetry;

/// A runtime of one thread.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Stop> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Stop::failure)
}

/// `schema`: the JSON Schema of the collector language, or of targets files.
pub(crate) fn schema(of_targets: bool) -> Result<ExitCode, Stop> {
    let schema = match of_targets {
        true => pg_exporter_schema::targets_schema(),
        false => pg_exporter_schema::json_schema(),
    };
    write_stdout(schema.as_bytes()).map_err(Stop::failure)?;
    Ok(ExitCode::SUCCESS)
}

/// `scrape`: one page.
pub(crate) fn scrape(setup: &Setup) -> Result<ExitCode, Stop> {
    let (page, overview) = scraped(setup, setup.catalog()?, Selection::default())?;
    write_stdout(&page.chunks.concat()).map_err(Stop::failure)?;
    let is_up = overview
        .databases
        .first()
        .is_some_and(|main| main.up == Some(true));
    Ok(if is_up {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(Stop::UNREACHABLE)
    })
}

/// `--dry-run`: all collectors in the order of execution.
pub(crate) fn dry_run(setup: &Setup) -> Result<ExitCode, Stop> {
    let live = setup.catalog()?.live();
    let collectors: Vec<_> = live
        .collectors
        .iter()
        .map(|collector| (**collector).clone())
        .collect();
    write_stdout(pg_exporter_schema::dump(&collectors).as_bytes()).map_err(Stop::failure)?;
    Ok(ExitCode::SUCCESS)
}

/// `explain` and `--explain`: the plan on every database of the target.
pub(crate) fn explain(setup: &Setup, format: ReportFormat) -> Result<ExitCode, Stop> {
    // Facts and plans come of a scrape of no collector.
    let overview = overview(setup, Selection::nothing())?;
    let report = Explain::new(&overview);
    let text = if format == ReportFormat::Json {
        report.json()
    } else {
        report.text()
    };
    print(&overview, &text)
}

/// `stat`: what one scrape of every collector takes and yields.
pub(crate) fn stat(setup: &Setup, format: ReportFormat) -> Result<ExitCode, Stop> {
    let overview = overview(setup, Selection::default())?;
    let report = Statistics::new(&overview);
    let text = if format == ReportFormat::Json {
        report.json()
    } else {
        report.text()
    };
    print(&overview, &text)
}

fn print(overview: &Overview, text: &str) -> Result<ExitCode, Stop> {
    if let Some(error) = overview.databases.first().and_then(|main| main.error.as_ref()) {
        return Err(Stop::failure(format!("the target cannot be scraped: {error}")));
    }
    write_stdout(text.as_bytes()).map_err(Stop::failure)?;
    Ok(ExitCode::SUCCESS)
}

/// What is known after one scrape.
fn overview(setup: &Setup, selection: Selection) -> Result<Overview, Stop> {
    Ok(scraped(setup, setup.catalog()?, selection)?.1)
}

/// One page and what is known after it.
pub(crate) fn scraped(
    setup: &Setup,
    catalog: Arc<Catalog>,
    selection: Selection,
) -> Result<(Page, Overview), Stop> {
    let target = setup.target()?;
    let surroundings = Surroundings {
        telemetry: Arc::new(Telemetry::new().map_err(Stop::failure)?),
        health: target.health(),
        rows: RowHandlers::default(),
    };
    let thread = ScrapeThread::start("scrape").map_err(Stop::failure)?;
    let scraper = Scraper::start(&thread, target.endpoint, target.config, catalog, surroundings);
    let deadline = Instant::now() + setup.settings.scrape_timeout;
    runtime()?.block_on(async {
        let page = scraper
            .page(Request {
                deadline,
                format: Format::Text,
                encoding: Encoding::Identity,
                selection,
            })
            .await;
        let overview = scraper.overview().await;
        Ok((page.map_err(Stop::failure)?, overview.map_err(Stop::failure)?))
    })
}
