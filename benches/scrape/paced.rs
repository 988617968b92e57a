//! Health probes at a pace, as many load balancers send them, beside several Prometheus servers: what a probe waits when the
//! machine has something to do but is not used up.

use std::time::Duration;

use pg_exporter_lab::load::{self, PROBES, SCRAPES};

use crate::contender::Mode;
use crate::options::Options;
use crate::server::Server;
use crate::table::Table;
use crate::{Result, contenders};

/// Measures all exporters, with and without their caches, and prints a table. Any answer but 200 is an error.
pub fn run(options: &Options, title: &str, server: &Server) -> Result<()> {
    println!(
        "\n{title}: GET /primary on {} connections every {} ms, scrapes on {} every {} ms, {} s each\n",
        PROBES.count,
        PROBES.pause.as_millis(),
        SCRAPES.count,
        SCRAPES.pause.as_millis(),
        options.seconds
    );
    let mut table = Table::new(&[
        "exporter", "mode", "probes", "p50 ms", "p99 ms", "most ms", "scrapes",
    ]);
    for mode in [Mode::Uncached, Mode::Cached] {
        for contender in &contenders(options, server, mode)? {
            contender.scrape("gzip")?;
            let time = Duration::from_secs(options.seconds.into());
            let all = load::run(contender.port, &[PROBES, SCRAPES], time)?;
            let [probes, scrapes] = all.as_slice() else {
                continue;
            };
            let shown = |share| format!("{:.2}", probes.quantile(share).as_secs_f64() * 1e3);
            table.push(vec![
                contender.name.into(),
                mode.name().into(),
                probes.count().to_string(),
                shown(0.5),
                shown(0.99),
                shown(1.0),
                scrapes.count().to_string(),
            ]);
        }
    }
    table.print();
    Ok(())
}
