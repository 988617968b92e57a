//! What each collector costs: runs with its definition alone, less what a run costs without any.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use pg_exporter_lab::Page;

use crate::contender::Contender;
use crate::figures::Figures;
use crate::layer::Layer;
use crate::options::Options;
use crate::server::Server;
use crate::table::Table;
use crate::{Result, cpu};

const SETTLE: Duration = Duration::from_millis(15);

/// A collector that asks nothing of any table and yields nothing: what remains is the cost of being scraped at all.
const NOTHING: &str = "nothing:\n  query: SELECT 1 AS one WHERE false\n  metrics:\n    - one: { usage: GAUGE, description: One. }\n";

/// What a definition costs on a server.
#[derive(Debug, Default)]
struct Cost {
    server: Figures,
    exporter: Figures,
    series: usize,
}

/// Prints the table.
///
/// # Errors
/// When a definition cannot be read or the exporter gives no page.
pub fn run(options: &Options, large: &Server, empty: &Server) -> Result<()> {
    println!(
        "\nCPU in ms per uncached scrape of one collector, least of {} scrapes\n",
        options.scrapes
    );
    let mut table = Table::new(&[
        "collector",
        "empty: server",
        "empty: series",
        "large: server",
        "large: exporter",
        "large: series",
    ]);
    let layer = Layer::new()?;
    let base = layer.measure_both(options, NOTHING, empty, large)?;
    for path in definitions(&options.collectors)? {
        let name = collector_name(&path);
        eprintln!("{name}");
        // Those that are off by default have a cost, too.
        let text = fs::read_to_string(&path)?.replace("\n  skip: true\n", "\n");
        let costs = layer.measure_both(options, &text, empty, large)?;
        table.push(vec![
            name,
            over(&costs.0.server, &base.0.server),
            costs.0.series.saturating_sub(base.0.series).to_string(),
            over(&costs.1.server, &base.1.server),
            over(&costs.1.exporter, &base.1.exporter),
            costs.1.series.saturating_sub(base.1.series).to_string(),
        ]);
    }
    table.print();
    crate::write(options, "collectors", &table)?;
    println!(
        "\nWithout any collector: {:.2} ms on the empty server, {:.2} ms on the large one.",
        base.0.server.min(),
        base.1.server.min()
    );
    Ok(())
}

/// The difference of the least of both: medians move with the load of the machine by more than most collectors cost.
fn over(figures: &Figures, base: &Figures) -> String {
    format!("{:.2}", (figures.min() - base.min()).max(0.0))
}

fn definitions(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    // What pgbouncer answers is no cost of a server.
    paths.retain(|path| {
        path.extension().is_some_and(|kind| kind == "yml") && !collector_name(path).starts_with("pgbouncer")
    });
    paths.sort();
    Ok(paths)
}

/// `0700-pg_table.yml` is about `pg_table`.
fn collector_name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    stem.split_once('-').map_or(&*stem, |(_, name)| name).to_owned()
}

impl Layer {
    fn measure_both(
        &self,
        options: &Options,
        definition: &str,
        empty: &Server,
        large: &Server,
    ) -> Result<(Cost, Cost)> {
        Ok((
            self.measure(options, definition, empty)?,
            self.measure(options, definition, large)?,
        ))
    }

    fn measure(&self, options: &Options, definition: &str, server: &Server) -> Result<Cost> {
        let config = self.write(definition)?;
        let arguments = ["--disable-cache", "--disable-intro", "--no-builtin", &config];
        let contender = Contender::start_with("pg_exporter", &options.program, server, &arguments);
        let mut cost = Cost::default();
        let page = contender.scrape("identity")?.0.text();
        cost.series = Page::parse(&page).samples.len();
        for _ in 0..options.scrapes {
            let before = (contender.cpu(), cpu::of_server(server.postmaster));
            contender.scrape("identity")?;
            sleep(SETTLE);
            cost.exporter.push(contender.cpu().saturating_sub(before.0));
            cost.server
                .push(cpu::of_server(server.postmaster).saturating_sub(before.1));
        }
        Ok(cost)
    }
}
