//! An exporter that nobody scrapes: its probes go on.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::contender::{Contender, Mode};
use crate::options::Options;
use crate::server::Server;
use crate::table::Table;
use crate::{Result, cpu};

/// What follows the start, and the last scrape, does not count.
const SETTLE: Duration = Duration::from_secs(5);

const HEAD: [&str; 5] = [
    "exporter",
    "scraped",
    "exporter CPU ms/s",
    "wakeups/s",
    "server CPU ms/s",
];

/// An empty table as the documentation has it.
pub fn document_table() -> Table {
    let mut head = HEAD.to_vec();
    head.remove(0);
    Table::new(&head)
}

/// Measures each exporter by itself, before anybody has scraped it and after somebody has, and prints a table. Our own rows are added
/// to the document's.
pub fn run(options: &Options, server: &Server, document: &mut Table) -> Result<()> {
    let time = Duration::from_secs(options.idle.into());
    println!("\nempty server, nobody scrapes, {} s each\n", options.idle);
    let mut table = Table::new(&HEAD);
    let ours = ("pg_exporter", &options.program);
    let other = options.against.as_ref().map(|program| ("the other", program));
    for (name, program) in [Some(ours), other].into_iter().flatten() {
        // One at a time: the sessions of another one would count as the server's.
        let contender = Contender::start(name, program, server, Mode::Cached);
        for scraped in ["never", "once"] {
            if scraped == "once" {
                contender.scrape("gzip")?;
            }
            sleep(SETTLE);
            let row = measure(&contender, server, scraped, time);
            if name == ours.0 {
                document.push(row.iter().skip(1).cloned().collect());
            }
            table.push(row);
        }
    }
    table.print();
    Ok(())
}

fn measure(contender: &Contender, server: &Server, scraped: &str, time: Duration) -> Vec<String> {
    let counts = || {
        (
            contender.cpu(),
            contender.wakeups(),
            cpu::of_server(server.postmaster),
        )
    };
    let (before, began) = (counts(), Instant::now());
    sleep(time);
    let (after, seconds) = (counts(), began.elapsed().as_secs_f64());
    let a_second = |before: Duration, after: Duration| {
        format!(
            "{:.3}",
            after.saturating_sub(before).as_secs_f64() * 1e3 / seconds
        )
    };
    vec![
        contender.name.into(),
        scraped.into(),
        a_second(before.0, after.0),
        format!("{:.1}", after.1.saturating_sub(before.1) as f64 / seconds),
        a_second(before.2, after.2),
    ]
}
