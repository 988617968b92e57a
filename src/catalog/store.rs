//! The set in force: how it is loaded, and how a reload replaces it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use pg_exporter_schema::{Collector, Column, Strictness, Usage};

use super::load::unplaced;
use super::{Change, Live, LoadError, Loaded, load};

/// Where the set comes from, and what it must not clash with. Never changed while the exporter runs.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The compiled set, or an empty one.
    pub base: &'static [Collector],
    /// The run-time layer over it: a file or a directory.
    pub config: Option<PathBuf>,
    /// Names of constant labels.
    pub labels: Vec<String>,
    /// Whether the exporter's own metrics are on the page: their labels are taken too.
    pub intro: bool,
}

/// How the last load went, for the exporter's own metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether the last reload succeeded; the load at the start counts as one.
    pub successful: bool,
    /// When the configuration in force was last read and found sound.
    pub succeeded_at: SystemTime,
}

/// Owns the set in force. Scrapes take it whole at their beginning, a reload swaps it whole.
#[derive(Debug)]
pub struct Catalog {
    sources: Sources,
    live: ArcSwap<Live>,
    status: ArcSwap<Status>,
    /// Held while a reload runs: two at a time could bring back the older configuration.
    reloading: Mutex<()>,
}

impl Catalog {
    /// Loads the set. Warnings go to the log.
    ///
    /// # Errors
    /// All mistakes, when there is one that makes the set unusable.
    pub fn open(sources: Sources) -> Result<Self, LoadError> {
        let live = sources.load()?;
        let status = Status {
            successful: true,
            succeeded_at: SystemTime::now(),
        };
        Ok(Self {
            sources,
            live: ArcSwap::from_pointee(live),
            status: ArcSwap::from_pointee(status),
            reloading: Mutex::default(),
        })
    }

    /// The set in force.
    #[must_use]
    pub fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    /// How the last load went. Never waits, not for a reload that is on either.
    #[must_use]
    pub fn status(&self) -> Status {
        **self.status.load()
    }

    /// Reads the configuration anew, validates all of it, and swaps it in at once if it differs. A dry run only tells
    /// the difference. Reads files: not for a thread that serves probes or scrapes.
    ///
    /// # Errors
    /// All mistakes; the set in force stays.
    pub fn reload(&self, dry_run: bool) -> Result<Change, LoadError> {
        let _turn = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = self.sources.load();
        if !dry_run {
            self.note(loaded.is_ok());
        }
        let new = loaded?;
        let old = self.live();
        let change = Change::between(&old, &new);
        if !dry_run && !old.means_the_same_as(&new) {
            self.live.store(Arc::new(new));
        }
        Ok(change)
    }

    fn note(&self, successful: bool) {
        let succeeded_at = if successful {
            SystemTime::now()
        } else {
            self.status().succeeded_at
        };
        self.status.store(Arc::new(Status {
            successful,
            succeeded_at,
        }));
    }
}

impl Sources {
    fn load(&self) -> Result<Live, LoadError> {
        let Loaded { live, warnings } = load(self.base, self.config.as_deref(), Strictness::Lenient)?;
        self.check_labels(&live)?;
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        Ok(live)
    }

    /// Constant labels must not be labels of a collector, nor of a histogram's buckets.
    fn check_labels(&self, live: &Live) -> Result<(), LoadError> {
        for name in &self.labels {
            let is_ours = self.intro && matches!(name.as_str(), "datname" | "query");
            let owner = live
                .collectors
                .iter()
                .find(|collector| has_label(collector, name));
            let owner = owner.map(|collector| collector.branch.to_string());
            if let Some(owner) = owner.or_else(|| is_ours.then(|| "the exporter's own metrics".to_owned())) {
                let message = format!("`{name}` is a label of {owner}; choose another name");
                return Err(LoadError {
                    diagnostics: vec![unplaced("--label".to_owned(), &message)],
                });
            }
        }
        Ok(())
    }
}

fn has_label(collector: &Collector, name: &str) -> bool {
    let is_bucket = |column: &Column| name == "le" && column.usage == Usage::Histogram;
    collector.labels().any(|label| label.name == name) || collector.values().any(is_bucket)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
