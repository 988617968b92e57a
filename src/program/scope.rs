//! What is scraped: the one target of flags and environment, or the many that files name.

use std::sync::Arc;
use std::time::Duration;

use super::setup::Setup;
use super::stop::Stop;
use crate::catalog::Catalog;
use crate::fleet::{Engine, Fleet, FleetSources, Target, TargetSettings, Targets};
use crate::scrape::RowHandlers;
use crate::self_metrics::Telemetry;

/// Scrape threads of many targets, at most: each is a thread's worth of rendering and compressing.
const THREADS: usize = 8;

/// What is to be scraped.
#[derive(Debug)]
pub(super) enum Scope {
    /// One target.
    One(Box<TargetSettings>),
    /// Those of files.
    Many(Box<FleetSources>),
}

/// What is scraped now.
#[derive(Clone, Debug)]
pub(super) struct Scraped {
    pub(super) targets: Arc<Targets<Target>>,
    pub(super) fleet: Option<Arc<Fleet>>,
}

impl Scope {
    pub(super) fn of(setup: &Setup) -> Result<Self, Stop> {
        match setup.fleet() {
            Some(sources) => Ok(Self::Many(Box::new(sources))),
            None => Ok(Self::One(Box::new(setup.target()?))),
        }
    }

    /// What it is, for the log.
    pub(super) fn name(&self) -> String {
        match self {
            Self::One(target) => target.endpoint.info.display(),
            Self::Many(sources) => {
                let paths = sources.paths.iter().map(|path| path.display().to_string());
                let shard = sources
                    .shard
                    .map(|shard| format!(", shard {shard}"))
                    .unwrap_or_default();
                format!("targets of {}{shard}", paths.collect::<Vec<_>>().join(" "))
            }
        }
    }

    /// Starts what scrapes and probes. Nothing waits for a server.
    pub(super) fn start(
        self,
        catalog: &Arc<Catalog>,
        telemetry: &Arc<Telemetry>,
        rows: RowHandlers,
    ) -> Result<Scraped, Stop> {
        let threads = match &self {
            Self::One(_) => 1,
            Self::Many(_) => threads_of(std::thread::available_parallelism().map_or(1, usize::from)),
        };
        let engine = Engine::start(threads, Arc::clone(catalog), Arc::clone(telemetry), rows);
        let engine = engine.map_err(Stop::failure)?;
        match self {
            Self::One(settings) => {
                let target = engine.run(*settings, Duration::ZERO).map_err(Stop::failure)?;
                Ok(Scraped {
                    targets: Arc::new(Targets::one(target)),
                    fleet: None,
                })
            }
            Self::Many(sources) => {
                let fleet = Fleet::open(*sources, engine, Arc::clone(catalog)).map_err(Stop::usage)?;
                let targets = Arc::clone(&fleet.targets);
                if targets.now().is_empty() {
                    tracing::warn!("the files name no target of this exporter; it serves, and waits for one");
                }
                Ok(Scraped {
                    targets,
                    fleet: Some(Arc::new(fleet)),
                })
            }
        }
    }
}

impl Scraped {
    /// How it stands, in a sentence for the service manager.
    pub(super) fn state(&self) -> String {
        let targets = self.targets.now();
        if self.fleet.is_none() {
            let state = targets.iter().map(|target| target.health.state().word()).next();
            return format!("The target is {}.", state.unwrap_or_default());
        }
        let up = targets
            .iter()
            .filter(|target| target.health.state().is_up())
            .count();
        format!("{up} of {} targets are up.", targets.len())
    }

    /// Whether everything that has to turn does.
    pub(super) fn is_alive(&self) -> bool {
        match &self.fleet {
            Some(fleet) => fleet.engine.is_alive(),
            None => self.targets.now().iter().all(|target| target.health.is_alive()),
        }
    }
}

/// Scrape threads of many targets, on a machine of so many cores.
fn threads_of(cores: usize) -> usize {
    cores.min(THREADS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrape_threads_are_few_on_a_large_machine() {
        assert_eq!([1, 2, 8, 9, 256].map(threads_of), [1, 2, 8, 8, 8]);
    }
}
