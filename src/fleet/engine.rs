//! What runs targets: scrape threads, on one of which each target lives, and a thread for all probes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::shard::hash;
use super::target::{PLACES, Target, TargetSettings};
use crate::catalog::Catalog;
use crate::health::ProbeThread;
use crate::scrape::{RowHandlers, ScrapeThread, Scraper, Surroundings};
use crate::self_metrics::Telemetry;

/// Threads, and what all targets share.
#[derive(Debug)]
pub struct Engine {
    scrapes: Vec<ScrapeThread>,
    probes: ProbeThread,
    catalog: Arc<Catalog>,
    telemetry: Arc<Telemetry>,
    rows: RowHandlers,
}

impl Engine {
    /// Starts the threads: so many for scrapes, at least one.
    ///
    /// # Errors
    /// When a thread cannot be made.
    pub fn start(
        threads: usize,
        catalog: Arc<Catalog>,
        telemetry: Arc<Telemetry>,
        rows: RowHandlers,
    ) -> io::Result<Self> {
        let scrapes = (0..threads.max(1)).map(|number| match threads {
            0 | 1 => ScrapeThread::start("scrape"),
            _ => ScrapeThread::start(&format!("scrape-{number}")),
        });
        Ok(Self {
            scrapes: scrapes.collect::<io::Result<_>>()?,
            probes: ProbeThread::start()?,
            catalog,
            telemetry,
            rows,
        })
    }

    /// Starts a target. Its first probe comes after that delay.
    ///
    /// # Errors
    /// Never where the engine has a scrape thread, which it has.
    pub fn run(&self, settings: TargetSettings, delay: Duration) -> io::Result<Target> {
        let place = settings.name.as_deref().map_or(0, hash) % self.scrapes.len().max(1) as u64;
        let thread = usize::try_from(place)
            .ok()
            .and_then(|place| self.scrapes.get(place));
        let thread = thread.ok_or_else(|| io::Error::other("there is no scrape thread"))?;
        let health = settings.health();
        let surroundings = Surroundings {
            telemetry: Arc::clone(&self.telemetry),
            health: health.clone(),
            rows: self.rows.clone(),
        };
        let (endpoint, config) = (settings.endpoint.clone(), settings.config.clone());
        let scraper = Scraper::start(thread, endpoint, config, Arc::clone(&self.catalog), surroundings);
        let probe = settings.endpoint.for_probe();
        Ok(Target {
            server: settings.endpoint.info.place(),
            _probing: self.probes.probe(
                settings.name.clone(),
                probe,
                settings.manner,
                health.clone(),
                delay,
            ),
            places: Semaphore::new(PLACES),
            scraper,
            health,
            settings,
        })
    }

    /// Whether every thread turns.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.probes.is_alive() && self.scrapes.iter().all(ScrapeThread::is_alive)
    }
}
