//! The set in force: how it is loaded, and how a reload replaces it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use pg_exporter_schema::{Collector, Column, Strictness, Text, Usage};

use super::load::{superseded, unplaced};
use super::{Change, Live, LoadError, Loaded, load};
use crate::files::Files;

/// Where the set comes from, and what it must not clash with. Never changed while the exporter runs.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The compiled set, or an empty one.
    pub base: &'static [Collector],
    /// The run-time layer over it: a file or a directory.
    pub config: Option<PathBuf>,
    /// By what it is read.
    pub files: Files,
    /// Names of constant labels.
    pub labels: Vec<String>,
    /// Whether the exporter's own metrics are on the page: their labels are taken too.
    pub intro: bool,
}

/// How the last load went, for the exporter's own metrics and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether the last reload succeeded; the load at the start counts as one.
    pub successful: bool,
    /// When the configuration in force was last read and found sound.
    pub succeeded_at: SystemTime,
    /// When a configuration was last read, sound or not.
    pub tried_at: SystemTime,
    /// Why the last reload failed, a line for each mistake; `None` when it succeeded.
    pub failure: Option<Arc<str>>,
    /// The files that the configuration in force was read from besides what is compiled in.
    pub files: Arc<[Text]>,
}

impl Status {
    fn good(files: Vec<Text>) -> Self {
        let now = SystemTime::now();
        Self {
            successful: true,
            succeeded_at: now,
            tried_at: now,
            failure: None,
            files: files.into(),
        }
    }
}

/// Owns the set in force. Scrapes take it whole at their beginning, a reload swaps it whole.
#[derive(Debug)]
pub struct Catalog {
    sources: Sources,
    live: ArcSwap<Live>,
    status: ArcSwap<Status>,
    /// Names of constant labels that single targets have.
    target_labels: Mutex<BTreeSet<String>>,
    /// Held while a reload runs: two at a time could bring back the older configuration.
    reloading: Mutex<()>,
}

impl Catalog {
    /// Loads the set. Warnings go to the log.
    ///
    /// # Errors
    /// All mistakes, when there is one that makes the set unusable.
    pub fn open(sources: Sources) -> Result<Self, LoadError> {
        let (live, files) = sources.load()?;
        Ok(Self {
            sources,
            live: ArcSwap::from_pointee(live),
            status: ArcSwap::from_pointee(Status::good(files)),
            target_labels: Mutex::default(),
            reloading: Mutex::default(),
        })
    }

    /// Who has a label of that name, so that no target may; `None` when it is free.
    #[must_use]
    pub fn owner_of_label(&self, name: &str) -> Option<String> {
        self.sources.owner_of_label(&self.live(), name)
    }

    /// Names of labels that targets have from now on: no collector may be loaded that has one of them.
    pub fn set_target_labels(&self, names: BTreeSet<String>) {
        *self.target_labels.lock().unwrap_or_else(PoisonError::into_inner) = names;
    }

    fn check_target_labels(&self, live: &Live) -> Result<(), LoadError> {
        let names = self.target_labels.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = names
            .iter()
            .find_map(|name| Some((name, self.sources.owner_of_label(live, name)?)));
        match taken {
            Some((name, owner)) => {
                let message = format!("`{name}` is a label of {owner}; choose another name");
                Err(LoadError {
                    diagnostics: vec![unplaced("labels of targets".to_owned(), &message)],
                })
            }
            None => Ok(()),
        }
    }

    /// The set in force.
    #[must_use]
    pub fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    /// How the last load went. Never waits, not for a reload that is on either.
    #[must_use]
    pub fn status(&self) -> Arc<Status> {
        self.status.load_full()
    }

    /// Where the run-time layer is read from: a file or a directory; `None` when there is none.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.sources.config.as_deref()
    }

    /// Reads the configuration anew, validates all of it, and swaps it in at once if it differs. A dry run only tells
    /// the difference. Reads files: not for a thread that serves probes or scrapes.
    ///
    /// # Errors
    /// All mistakes; the set in force stays.
    pub fn reload(&self, dry_run: bool) -> Result<Change, LoadError> {
        let _turn = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = self.sources.load().and_then(|(live, files)| {
            self.check_target_labels(&live)?;
            Ok((live, files))
        });
        if !dry_run {
            self.note(&loaded);
        }
        let (new, _) = loaded?;
        let old = self.live();
        let change = Change::between(&old, &new);
        if !dry_run && !old.means_the_same_as(&new) {
            self.live.store(Arc::new(new));
        }
        Ok(change)
    }

    fn note(&self, loaded: &Result<(Live, Vec<Text>), LoadError>) {
        let status = match loaded {
            Ok((_, files)) => Status::good(files.clone()),
            Err(error) => Status {
                successful: false,
                tried_at: SystemTime::now(),
                failure: Some(error.to_string().into()),
                ..Status::clone(&self.status())
            },
        };
        self.status.store(Arc::new(status));
    }
}

impl Sources {
    /// The set and the files of the layer.
    fn load(&self) -> Result<(Live, Vec<Text>), LoadError> {
        let Loaded {
            live,
            files,
            warnings,
            brief,
        } = load(
            self.base,
            self.config.as_deref(),
            &self.files,
            Strictness::Lenient,
        )?;
        self.check_labels(&live)?;
        self.log(&brief, brief.len() < warnings.len());
        let collectors = live.collectors.iter().map(AsRef::as_ref);
        if let (Some(path), Some(message)) = (&self.config, superseded(self.base, collectors)) {
            tracing::warn!("{}: {message}", path.display());
        }
        Ok((live, files))
    }

    /// The warnings of a set in a few lines, the last of which says how to see what they leave out.
    fn log(&self, brief: &[String], leaves_out: bool) {
        let path = self.config.as_deref().unwrap_or(Path::new("")).display();
        for (at, line) in brief.iter().enumerate() {
            if leaves_out && at + 1 == brief.len() {
                tracing::warn!(
                    "{line}; `pg_exporter check {path}` shows every kind, and with --strict every place"
                );
            } else {
                tracing::warn!("{line}");
            }
        }
    }

    /// Constant labels must not be labels of a collector, nor of a histogram's buckets.
    fn check_labels(&self, live: &Live) -> Result<(), LoadError> {
        for name in &self.labels {
            if let Some(owner) = self.owner_of_label(live, name) {
                let message = format!("`{name}` is a label of {owner}; choose another name");
                return Err(LoadError {
                    diagnostics: vec![unplaced("--label".to_owned(), &message)],
                });
            }
        }
        Ok(())
    }

    fn owner_of_label(&self, live: &Live, name: &str) -> Option<String> {
        let is_ours = self.intro && matches!(name, "datname" | "query");
        let owner = live
            .collectors
            .iter()
            .find(|collector| has_label(collector, name));
        let owner = owner.map(|collector| collector.branch.to_string());
        owner.or_else(|| is_ours.then(|| "the exporter's own metrics".to_owned()))
    }
}

fn has_label(collector: &Collector, name: &str) -> bool {
    let is_bucket = |column: &Column| name == "le" && column.usage == Usage::Histogram;
    collector.labels().any(|label| label.name == name) || collector.values().any(is_bucket)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
