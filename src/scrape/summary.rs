//! What is told of a target where there are many: one line of a table.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::run::target::Target;

/// A target after its last scrape, in figures.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// `server_version_num`, or pgbouncer's; 0 when never known.
    pub version: u32,
    /// Whether its last scrape found it up; `None` before the first has ended.
    pub up: Option<bool>,
    /// When that ended.
    pub ended: Option<Instant>,
    /// What it took.
    pub duration: Duration,
    /// Series served by its collectors.
    pub series: u64,
    /// Collectors whose last execution failed, on all databases.
    pub failing: usize,
    /// Scrapes that found it down.
    pub errors: u64,
    /// Connections of scrapes that are open.
    pub connections: usize,
}

/// Where the scrape thread writes it and others read it; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(in crate::scrape) struct Summaries(Arc<ArcSwap<Summary>>);

impl Summaries {
    pub(in crate::scrape) fn load(&self) -> Summary {
        **self.0.load()
    }

    /// A run of the target has ended.
    pub(in crate::scrape) fn run_ended(&self, target: &Target) {
        let (run, runs) = (target.last_run(), target.runs.borrow());
        let mut summary = Summary {
            version: target.databases.main.state.borrow().facts.version,
            up: runs.history.last().map(|run| run.up),
            ended: Some(Instant::now()),
            duration: runs.duration,
            errors: runs.errors,
            connections: target.pool.open(),
            ..Summary::default()
        };
        for database in target.databases.distinct() {
            for one in &database.state.borrow().collectors {
                summary.series += one.served(run.at).map_or(0, |samples| samples.series);
                summary.failing += usize::from(one.outcome().failure().is_some());
            }
        }
        self.0.store(Arc::new(summary));
    }

    /// Connections come and go between runs.
    pub(in crate::scrape) fn swept(&self, target: &Target) {
        let before = self.load();
        let connections = target.pool.open();
        if connections != before.connections {
            self.0.store(Arc::new(Summary {
                connections,
                ..before
            }));
        }
    }
}
