//! Scrapes: wall time, CPU, memory, size.

use std::thread::sleep;
use std::time::Duration;

use pg_exporter_lab::http::Response;

use crate::contender::{Contender, Mode};
use crate::figures::Figures;
use crate::options::Options;
use crate::server::Server;
use crate::table::Table;
use crate::{Result, contenders, cpu};

/// How long the exporter and the server get to finish what a scrape leaves behind, which counts as its cost.
const SETTLE: Duration = Duration::from_millis(40);

const HEAD: [&str; 9] = [
    "exporter",
    "encoding",
    "wall ms",
    "exporter CPU ms",
    "server CPU ms",
    "series",
    "bytes",
    "CPU us/series",
    "peak RSS MiB",
];

/// What the scrapes of one exporter cost.
#[derive(Debug, Default)]
struct Costs {
    wall: Figures,
    exporter: Figures,
    server: Figures,
    series: usize,
    bytes: usize,
}

/// An empty table as the documentation has it.
pub fn document_table() -> Table {
    let mut head = HEAD.to_vec();
    head.splice(..1, ["server"]);
    Table::new(&head)
}

/// Measures all exporters on a server in a mode, and prints a table: medians, the least in parentheses. Our own rows are added to
/// the document's.
pub fn run(options: &Options, title: &str, server: &Server, mode: Mode, document: &mut Table) -> Result<()> {
    if options.mode.as_ref().is_some_and(|wanted| wanted != mode.name()) {
        return Ok(());
    }
    let contenders = contenders(options, server, mode)?;
    println!(
        "\n{title}, {}, {} scrapes each: median (least)\n",
        mode.name(),
        options.scrapes
    );
    let mut table = Table::new(&HEAD);
    for encoding in &options.encodings {
        let all = measure(&contenders, server, encoding, options.scrapes)?;
        for (contender, costs) in contenders.iter().zip(&all) {
            table.push(costs.row(contender, encoding));
        }
        if let (Some(ours), Some(costs)) = (contenders.first(), all.first()) {
            let mut row = costs.row(ours, encoding);
            row.splice(..1, [format!("{title}, {}", mode.name())]);
            document.push(row);
        }
        if let [ours, others] = all.as_slice() {
            table.push(ours.ratios(others, encoding));
        }
    }
    table.print();
    for contender in &contenders {
        print!("{}", contender.complaints());
    }
    Ok(())
}

/// Scrapes each in turn.
fn measure(contenders: &[Contender], server: &Server, encoding: &str, scrapes: usize) -> Result<Vec<Costs>> {
    let mut all: Vec<Costs> = contenders.iter().map(|_| Costs::default()).collect();
    for contender in contenders {
        // Connections, prepared statements and caches are made by the first scrapes.
        contender.scrape(encoding)?;
        contender.scrape(encoding)?;
        sleep(SETTLE);
    }
    for _ in 0..scrapes {
        for (contender, costs) in contenders.iter().zip(&mut all) {
            costs.add(contender, server, encoding)?;
        }
    }
    Ok(all)
}

impl Costs {
    fn add(&mut self, contender: &Contender, server: &Server, encoding: &str) -> Result<()> {
        let before = (contender.cpu(), cpu::of_server(server.postmaster));
        let (response, wall) = contender.scrape(encoding)?;
        sleep(SETTLE);
        self.exporter.push(contender.cpu().saturating_sub(before.0));
        self.server
            .push(cpu::of_server(server.postmaster).saturating_sub(before.1));
        self.wall.push(wall);
        self.series = series(&response);
        self.bytes = response.body.len();
        Ok(())
    }

    fn row(&self, contender: &Contender, encoding: &str) -> Vec<String> {
        vec![
            contender.name.into(),
            encoding.into(),
            self.wall.shown(),
            self.exporter.shown(),
            self.server.shown(),
            self.series.to_string(),
            self.bytes.to_string(),
            format!("{:.3}", self.exporter.median() * 1e3 / self.series.max(1) as f64),
            format!("{:.1}", contender.peak_rss()),
        ]
    }

    /// How many times as much the other one takes.
    fn ratios(&self, other: &Self, encoding: &str) -> Vec<String> {
        let ratio = |ours: &Figures, others: &Figures| {
            format!(
                "{:.1}x ({:.1}x)",
                others.median() / ours.median(),
                others.min() / ours.min()
            )
        };
        vec![
            "the other / ours".into(),
            encoding.into(),
            ratio(&self.wall, &other.wall),
            ratio(&self.exporter, &other.exporter),
            ratio(&self.server, &other.server),
        ]
    }
}

/// Lines of the page that are samples.
/// Series on a page of text; 0 for one that is none.
fn series(response: &Response) -> usize {
    let is_text = |kind: &str| !kind.starts_with("application/vnd.");
    if !response.header("content-type").is_some_and(is_text) {
        return 0;
    }
    response
        .text()
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .count()
}
