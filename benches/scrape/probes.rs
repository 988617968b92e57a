//! Health probes per second, as load balancers send them: alone, during scrapes, and beside five connections of scrapes.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use pg_exporter_lab::tool;

use crate::contender::{Contender, Mode};
use crate::options::Options;
use crate::server::Server;
use crate::table::Table;
use crate::{Result, contenders};

/// Connections that probe.
pub const CONNECTIONS: u32 = 50;
/// Connections that scrape without a pause.
const SCRAPERS: u32 = 5;
/// The columns of a table of measurements.
pub const HEADS: [&str; 7] = [
    "exporter",
    "meanwhile",
    "requests/s",
    "CPU us/request",
    "p50",
    "p99",
    "errors",
];

/// Time between two scrapes while probes are measured.
const BETWEEN_SCRAPES: Duration = Duration::from_millis(250);

/// Measures all exporters, idle and during uncached scrapes, and prints a table.
pub fn run(options: &Options, server: &Server) -> Result<()> {
    let contenders = contenders(options, server, Mode::Uncached)?;
    println!(
        "\nGET /primary on {CONNECTIONS} connections, {} s each\n",
        options.seconds
    );
    let mut table = Table::new(&HEADS);
    for contender in &contenders {
        contender.scrape("gzip")?;
        table.push(measure(contender, "idle", || {
            wrk(contender, "/primary", CONNECTIONS, options.seconds)
        })?);
        table.push(measure(contender, "uncached scrapes", || {
            during_scrapes(contender, options.seconds)
        })?);
        table.push(measure(contender, "5 connections of scrapes", || {
            beside_scrapers(contender, options.seconds)
        })?);
    }
    table.print();
    Ok(())
}

/// One row. CPU per request tells the capacity of a processor that does nothing else; during scrapes it holds their
/// cost, too.
pub fn measure(
    contender: &Contender,
    meanwhile: &str,
    run: impl FnOnce() -> Result<String>,
) -> Result<Vec<String>> {
    let before = contender.cpu();
    let said = run()?;
    let cpu = contender.cpu().saturating_sub(before);
    let of = |name| field(&said, name).unwrap_or("?").to_owned();
    let requests = said
        .lines()
        .find_map(|line| line.trim().split_once(" requests in")?.0.parse::<u32>().ok());
    let errors = errors(&said);
    Ok(vec![
        contender.name.into(),
        meanwhile.into(),
        of("Requests/sec:"),
        format!(
            "{:.2}",
            cpu.as_secs_f64() * 1e6 / f64::from(requests.unwrap_or(0).max(1))
        ),
        of("50%"),
        of("99%"),
        errors.unwrap_or("none").trim().into(),
    ])
}

fn during_scrapes(contender: &Contender, seconds: u32) -> Result<String> {
    let end = AtomicBool::new(false);
    thread::scope(|scope| {
        let scrapes = scope.spawn(|| {
            while !end.load(Ordering::Relaxed) {
                if let Err(error) = contender.scrape("gzip") {
                    return Err(error.to_string());
                }
                thread::sleep(BETWEEN_SCRAPES);
            }
            Ok(())
        });
        let said = wrk(contender, "/primary", CONNECTIONS, seconds);
        end.store(true, Ordering::Relaxed);
        scrapes.join().map_err(|_| "the scraping thread panicked")??;
        said
    })
}

/// Both at once, each as fast as it gets its answers. A scrape that fails is an error of the probes' row.
fn beside_scrapers(contender: &Contender, seconds: u32) -> Result<String> {
    thread::scope(|scope| {
        let scrapes = scope
            .spawn(|| wrk(contender, &contender.path, SCRAPERS, seconds).map_err(|error| error.to_string()));
        let said = wrk(contender, "/primary", CONNECTIONS, seconds)?;
        let scraped = scrapes.join().map_err(|_| "the scraping thread panicked")??;
        match errors(&scraped) {
            None => Ok(said),
            Some(errors) => Ok(format!("{said}\nerrors of scrapes: {errors}")),
        }
    })
}

fn errors(said: &str) -> Option<&str> {
    said.lines()
        .find(|line| line.contains("errors") || line.contains("Non-2xx"))
}

fn wrk(contender: &Contender, path: &str, connections: u32, seconds: u32) -> Result<String> {
    wrk_with(
        &format!("http://127.0.0.1:{}{path}", contender.port),
        &[],
        connections,
        seconds,
    )
}

/// wrk's report, of requests with headers.
pub fn wrk_with(url: &str, headers: &[&str], connections: u32, seconds: u32) -> Result<String> {
    let output = Command::new(tool("wrk"))
        .args([
            "--latency",
            "-t1",
            &format!("-c{connections}"),
            &format!("-d{seconds}s"),
        ])
        .args(headers.iter().flat_map(|header| ["-H", header]))
        .arg(url)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The word after a name in wrk's report.
fn field<'a>(said: &'a str, name: &str) -> Option<&'a str> {
    said.lines()
        .find_map(|line| line.trim().strip_prefix(name)?.split_whitespace().next())
}
