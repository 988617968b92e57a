//! What the program does instead of serving.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use pg_exporter_schema::{Diagnostic, Severity, Strictness};

use crate::catalog::{self, Live, LoadError};
use crate::cli::{ReportFormat, write_stdout};
use crate::run::{Setup, Stop};
use crate::scrape::{Encoding, Request};
use crate::target::facts;
use crate::target::plan::{self, Context};

/// A runtime of one thread.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Stop> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Stop::failure)
}

/// `check`: every finding about the paths, or about the configuration in use.
pub(crate) fn check(
    setup: &Setup,
    paths: &[PathBuf],
    strict: bool,
    format: ReportFormat,
) -> Result<ExitCode, Stop> {
    let strictness = if strict { Strictness::Strict } else { Strictness::Lenient };
    let in_use = setup.settings.config.as_deref();
    let each: Vec<Option<&Path>> =
        if paths.is_empty() { vec![in_use] } else { paths.iter().map(|path| Some(path.as_path())).collect() };
    let base = if setup.settings.builtin { setup.compiled } else { &[] };
    let mut findings = Vec::new();
    for path in each {
        findings.extend(match catalog::load(base, path, strictness) {
            Ok(loaded) => loaded.warnings,
            Err(LoadError { diagnostics }) => diagnostics,
        });
    }
    let text = match format {
        ReportFormat::Text => findings.iter().fold(String::new(), |mut text, finding| {
            let _ = writeln!(text, "{finding}");
            text
        }),
        ReportFormat::Json => json(&findings)?,
    };
    write_stdout(text.as_bytes()).map_err(Stop::failure)?;
    let is_bad = findings.iter().any(|finding| strict || finding.severity == Severity::Error);
    Ok(if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn json(findings: &[Diagnostic]) -> Result<String, Stop> {
    let list: Vec<_> = findings
        .iter()
        .map(|finding| {
            let severity = if finding.severity == Severity::Error { "error" } else { "warning" };
            serde_json::json!({
                "file": finding.file,
                "line": finding.line,
                "column": finding.column,
                "severity": severity,
                "message": finding.message,
            })
        })
        .collect();
    serde_json::to_string_pretty(&list).map(|text| text + "\n").map_err(Stop::failure)
}

/// `schema`: the JSON Schema of the collector language.
pub(crate) fn schema() -> Result<ExitCode, Stop> {
    write_stdout(pg_exporter_schema::json_schema().as_bytes()).map_err(Stop::failure)?;
    Ok(ExitCode::SUCCESS)
}

/// `scrape`: one page.
pub(crate) fn scrape(setup: &Setup) -> Result<ExitCode, Stop> {
    let endpoint = setup.endpoint()?;
    let live = Arc::new(ArcSwap::from_pointee(setup.load()?));
    let (scraper, _telemetry) = setup.scraper(&endpoint, live, &setup.health())?;
    let deadline = Instant::now() + setup.settings.scrape_timeout;
    let (page, overview) = runtime()?.block_on(async {
        let page = scraper.page(Request { deadline, encoding: Encoding::Identity }).await;
        (page, scraper.overview().await)
    });
    let (page, overview) = (page.map_err(Stop::failure)?, overview.map_err(Stop::failure)?);
    write_stdout(&page.chunks.concat()).map_err(Stop::failure)?;
    let is_up = overview.databases.first().is_some_and(|main| main.error.is_none());
    Ok(if is_up { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `--dry-run`: all collectors in the order of execution.
pub(crate) fn dry_run(setup: &Setup) -> Result<ExitCode, Stop> {
    let live = setup.load()?;
    let collectors: Vec<_> = live.collectors.iter().map(|collector| (**collector).clone()).collect();
    write_stdout(pg_exporter_schema::dump(&collectors).as_bytes()).map_err(Stop::failure)?;
    Ok(ExitCode::SUCCESS)
}

/// `--explain`: the plan on the target.
pub(crate) fn explain(setup: &Setup) -> Result<ExitCode, Stop> {
    let endpoint = setup.endpoint()?;
    let live = setup.load()?;
    let deadline = Instant::now() + endpoint.connect_timeout * 4;
    let (facts, kind) = runtime()?
        .block_on(async {
            let mut session = endpoint.connect(deadline).await?;
            let facts = facts::read(&mut session, &live.wanted, false, deadline).await?;
            Ok((facts, session.kind()))
        })
        .map_err(|failure: crate::target::failure::Failure| {
            Stop::failure(format!("the target cannot be reached: {failure}"))
        })?;
    let tags = Arc::new(setup.settings.tags.iter().cloned().collect());
    let plan = plan::plan(&live.collectors, &facts, &Context { kind, discovered: false, tags });
    write_stdout(explained(&live, &plan).as_bytes()).map_err(Stop::failure)?;
    Ok(ExitCode::SUCCESS)
}

fn explained(live: &Live, plan: &plan::Plan) -> String {
    let mut text = String::new();
    for (collector, verdict) in &plan.verdicts {
        let tags: Vec<_> = collector.tags.iter().map(ToString::to_string).collect();
        let timeout = collector.timeout.map_or_else(|| "none".to_owned(), |timeout| format!("{timeout:?}"));
        let max = if collector.max_version == pg_exporter_schema::OPEN {
            "999999".to_owned()
        } else {
            (collector.max_version.saturating_sub(1)).to_string()
        };
        let _ = write!(
            text,
            "Collector: {}\n  Branch: {}\n  Query: {}\n  Tags: [{}]\n  TTL: {:?}\n  Timeout: {timeout}\n  \
             Version: {}-{max}\n  Status: {verdict}\n\n",
            collector.name,
            collector.branch,
            collector.query.trim().replace('\n', "\n         "),
            tags.join(", "),
            collector.ttl,
            collector.min_version,
        );
    }
    let _ = writeln!(text, "{} collectors, {} installed", live.collectors.len(), plan.installed().count());
    text
}
