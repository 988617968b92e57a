//! Growth: more and more databases on one server, and more and more series on a page.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::http;

use crate::contender::{Contender, Mode};
use crate::figures::Figures;
use crate::layer::Layer;
use crate::options::Options;
use crate::server::Server;
use crate::table::Table;
use crate::{Result, cpu, scrapes};

/// Scrapes of each row, behind the first ones.
const SCRAPES: usize = 5;
/// Scrapes in which connections are made and kept, and the server's room is asked for.
const FIRST: usize = 3;
const SETTLE: Duration = Duration::from_millis(40);
/// Tables of each database, which have no rows.
const TABLES: usize = 5;

/// What some scrapes took.
#[derive(Debug, Default)]
struct Scrapes {
    wall: Figures,
    exporter: Figures,
    server: Figures,
    /// The last page, decompressed, and its bytes as they came.
    page: String,
    bytes: usize,
    /// The longest that `/primary` took meanwhile.
    health: Duration,
}

/// Prints both tables, and writes them into the document; beside another exporter, how the two compare with more and more databases.
///
/// # Errors
/// When a server does not answer, or the exporter gives no page.
pub fn run(options: &Options) -> Result<()> {
    if options.against.is_some() {
        return compare(options);
    }
    databases(options)?;
    series(options)
}

fn compare(options: &Options) -> Result<()> {
    let server = Server::schemas(options.major, TABLES, options.max_connections);
    for count in &options.databases {
        server.grow(*count)?;
        let title = format!("{count} databases of {TABLES} tables without rows");
        // The document has ours alone.
        let mut table = scrapes::document_table();
        scrapes::run(options, &title, &server, Mode::Uncached, &mut table)?;
    }
    Ok(())
}

fn databases(options: &Options) -> Result<()> {
    let mut table = Table::new(&[
        "databases",
        "first page ms",
        "wall ms",
        "exporter CPU ms",
        "server CPU ms",
        "series",
        "connections",
        "new sessions a scrape",
        "databases a scrape",
        "oldest result s",
        "peak RSS MiB",
    ]);
    let server = Server::schemas(options.major, TABLES, options.max_connections);
    for count in &options.databases {
        eprintln!("{count} databases");
        server.grow(*count)?;
        table.push(row_of_databases(options, &server, *count)?);
    }
    println!("\nDatabases of {TABLES} tables without rows, every collector at each scrape, gzip\n");
    table.print();
    crate::write(options, "growth of databases", &table)
}

fn row_of_databases(options: &Options, server: &Server, count: usize) -> Result<Vec<String>> {
    let contender = Contender::start_with("pg_exporter", &options.program, server, &["--disable-cache"]);
    let first = contender.scrape("gzip")?.1;
    for _ in 1..FIRST {
        contender.scrape("gzip")?;
    }
    let sessions = || -> Result<f64> {
        Ok(server
            .ask("select sum(sessions) from pg_stat_database")?
            .parse()?)
    };
    // Sessions count once they are idle for a second.
    thread::sleep(Duration::from_secs(2));
    let (begun, before) = (sessions()?, contender.scrape("gzip")?.0.text());
    let scrapes = Scrapes::take(&contender, server, "gzip")?;
    thread::sleep(Duration::from_secs(2));
    // Of ours one asked for the first count, and the scrape in between is one more.
    let sessions = (sessions()? - begun - 1.0) / (SCRAPES + 1) as f64;
    let turns = |page: &str| sum(page, "pg_exporter_server_scrape_total_count");
    let in_turn = (turns(&scrapes.page) - turns(&before)) / SCRAPES as f64;
    Ok(vec![
        count.to_string(),
        format!("{:.0}", first.as_secs_f64() * 1e3),
        scrapes.wall.shown(),
        scrapes.exporter.shown(),
        scrapes.server.shown(),
        lines(&scrapes.page).to_string(),
        format!("{:.0}", sum(&scrapes.page, "pg_exporter_connections_open")),
        format!("{sessions:.1}"),
        format!("{in_turn:.1}"),
        format!(
            "{:.1}",
            sum(&scrapes.page, "pg_exporter_oldest_result_age_seconds")
        ),
        format!("{:.1}", contender.peak_rss()),
    ])
}

fn series(options: &Options) -> Result<()> {
    let mut table = Table::new(&[
        "rows of the result",
        "limits",
        "encoding",
        "wall ms",
        "exporter CPU ms",
        "server CPU ms",
        "series on the page",
        "bytes",
        "slowest /primary ms",
        "peak RSS MiB",
        "the exporter says",
    ]);
    let server = Server::empty(options.major);
    let wide = ["--max-result-bytes=1073741824", "--max-result-rows=10000000"];
    let mut rows: Vec<(usize, &str, &[&str], usize)> = [10_000, 100_000, 250_000, 500_000, 1_000_000]
        .map(|rows| (rows, "raised", &wide[..], 0))
        .into();
    rows.push((1_000_000, "by default", &[], 0));
    rows.push((1_000_000, "raised, max_series: 100000", &wide[..], 100_000));
    for (rows, limits, arguments, most) in rows {
        for encoding in ["gzip", "identity"] {
            eprintln!("{rows} rows, {limits}, {encoding}");
            let mut row = vec![rows.to_string(), limits.into(), encoding.into()];
            row.extend(row_of_series(
                options,
                &server,
                (rows, most),
                arguments,
                encoding,
            )?);
            table.push(row);
        }
    }
    println!("\nA result of one label and one number\n");
    table.print();
    crate::write(options, "growth of series", &table)
}

fn row_of_series(
    options: &Options,
    server: &Server,
    (rows, most): (usize, usize),
    arguments: &[&str],
    encoding: &str,
) -> Result<Vec<String>> {
    let layer = Layer::new()?;
    let config = layer.write(&format!(
        "wide:\n  query: SELECT n::pg_catalog.text AS id, n AS value FROM pg_catalog.generate_series(1, {rows}) AS n\n  \
         timeout: 8\n  max_series: {most}\n  metrics:\n    - id: {{ usage: LABEL }}\n    \
         - value: {{ usage: GAUGE, description: Number. }}\n"
    ))?;
    let mut all = vec![
        "--disable-cache",
        "--no-builtin",
        "--auto-discovery=false",
        &config,
    ];
    all.extend(arguments);
    let contender = Contender::start_with("pg_exporter", &options.program, server, &all);
    contender.scrape(encoding)?;
    let scrapes = Scrapes::take(&contender, server, encoding)?;
    Ok(vec![
        scrapes.wall.shown(),
        scrapes.exporter.shown(),
        scrapes.server.shown(),
        lines(&scrapes.page).to_string(),
        scrapes.bytes.to_string(),
        format!("{:.1}", scrapes.health.as_secs_f64() * 1e3),
        format!("{:.1}", contender.peak_rss()),
        said(&scrapes.page),
    ])
}

impl Scrapes {
    fn take(contender: &Contender, server: &Server, encoding: &str) -> Result<Self> {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let health = scope.spawn(|| slowest(contender.port, &is_over));
            let scrapes = Self::by_turns(contender, server, encoding);
            is_over.store(true, Ordering::SeqCst);
            let health = health.join().map_err(|_| "asking for health failed")?;
            Ok(Self { health, ..scrapes? })
        })
    }

    fn by_turns(contender: &Contender, server: &Server, encoding: &str) -> Result<Self> {
        let mut scrapes = Self::default();
        for _ in 0..SCRAPES {
            let before = (contender.cpu(), cpu::of_server(server.postmaster));
            let (response, wall) = contender.scrape(encoding)?;
            thread::sleep(SETTLE);
            scrapes.exporter.push(contender.cpu().saturating_sub(before.0));
            scrapes
                .server
                .push(cpu::of_server(server.postmaster).saturating_sub(before.1));
            scrapes.wall.push(wall);
            scrapes.bytes = response.body.len();
            scrapes.page = response.text();
        }
        Ok(scrapes)
    }
}

/// The longest that an answer of `/primary` takes, asked for every 10 ms.
fn slowest(port: u16, is_over: &AtomicBool) -> Duration {
    let mut slowest = Duration::ZERO;
    while !is_over.load(Ordering::SeqCst) {
        let begun = Instant::now();
        // An answer that does not come is as slow as the wait for it.
        let _ = http::request(port, "GET", "/primary", &[]);
        slowest = slowest.max(begun.elapsed());
        thread::sleep(Duration::from_millis(10));
    }
    slowest
}

/// Samples on a page.
fn lines(page: &str) -> usize {
    page.lines().filter(|line| !line.starts_with('#')).count()
}

/// The sum of a metric's samples.
fn sum(page: &str, name: &str) -> f64 {
    let of_metric = page.lines().filter(|line| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
    });
    of_metric
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum()
}

/// What the exporter counts of failures and dropped series.
fn said(page: &str) -> String {
    let told = page.lines().filter_map(|line| {
        let metrics = [
            "pg_exporter_query_failures_total",
            "pg_exporter_query_dropped_series_total",
        ];
        let metric = metrics.into_iter().find(|metric| line.starts_with(metric))?;
        let (_, reason) = line.split_once("reason=\"")?;
        let (reason, rest) = reason.split_once('"')?;
        let (_, count) = rest.rsplit_once(' ')?;
        Some(format!("{metric}, {reason}: {count}"))
    });
    told.collect::<Vec<_>>().join("; ")
}
