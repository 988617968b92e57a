//! The targets that files name: read as a whole, kept up to date, swapped at once.
//!
//! What the files say is either *in force*, or *refused*: then all that was in force before stays as it is. A reload compares
//! what is said of each target: one that means the same goes on with its connections, results and counts, one that means
//! something else begins anew under its name, one that is gone ends.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use pg_exporter_schema::Diagnostic;

use super::base::Base;
use super::engine::Engine;
use super::environment::Surroundings;
use super::meaning::Meaning;
use super::settings::Reader;
use super::shard::Shard;
use super::sources;
use super::sources::{Read, unplaced};
use super::target::{Target, TargetSettings};
use super::targets::{Map, Targets};
use crate::catalog::{Catalog, Change};
use crate::postgres::connect::Pace;

/// Between the first probes of two targets that begin together.
const STEP: Duration = Duration::from_millis(20);

/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(1);

/// Where targets come from.
#[derive(Clone, Debug)]
pub struct FleetSources {
    /// Files and folders.
    pub paths: Vec<PathBuf>,
    /// Which of the targets are this exporter's; all, if it is the only one.
    pub shard: Option<Shard>,
    /// What holds for all where nothing else is said.
    pub base: Base,
}

/// What is wrong with the files.
#[derive(Debug, thiserror::Error)]
#[error("{}", .diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct TargetsError {
    /// Every mistake.
    pub diagnostics: Vec<Diagnostic>,
}

/// How the files were read last.
#[derive(Clone, Debug)]
pub struct TargetsStatus {
    /// When what is in force was read.
    pub succeeded_at: SystemTime,
    /// Why the files are not in force as they are now.
    pub failure: Option<Arc<str>>,
}

/// The targets of files, and what runs them.
#[derive(Debug)]
pub struct Fleet {
    /// What requests are about.
    pub targets: Arc<Targets<Target>>,
    /// What runs them.
    pub engine: Engine,
    sources: FleetSources,
    catalog: Arc<Catalog>,
    pace: Pace,
    /// Held while files are read: two at a time could bring back older targets.
    read: Mutex<Known>,
    status: ArcSwap<TargetsStatus>,
    since: Instant,
}

/// What is known of the files and what they say.
#[derive(Debug, Default)]
struct Known {
    read: Read,
    meanings: BTreeMap<Arc<str>, Meaning>,
}

/// What files say, read and understood.
struct Understood {
    targets: BTreeMap<Arc<str>, (Meaning, TargetSettings)>,
    label_names: BTreeSet<String>,
}

/// What the files say, as far as it is wrong.
///
/// # Errors
/// Every mistake.
pub fn check(sources: &FleetSources, catalog: &Catalog) -> Result<Vec<TargetSettings>, TargetsError> {
    let (_, understood) = understand(sources, catalog, &Pace::default());
    let targets = understood?.targets.into_values();
    Ok(targets.map(|(_, settings)| settings).collect())
}

fn understand(
    sources: &FleetSources,
    catalog: &Catalog,
    pace: &Pace,
) -> (Read, Result<Understood, TargetsError>) {
    let (mut read, outcome) = sources::read(&sources.paths, &sources.base.files);
    let surroundings = Surroundings::new(sources.base.files.clone());
    let merged = outcome.and_then(|()| pg_exporter_schema::targets(&read.sources));
    let understood = merged.and_then(|merged| {
        let mut reader = Reader {
            base: &sources.base,
            catalog,
            pace,
            surroundings: &surroundings,
            found: Vec::new(),
        };
        let mut understood = Understood {
            targets: BTreeMap::new(),
            label_names: BTreeSet::new(),
        };
        // A mistake is everybody's, a target one shard's.
        for target in &merged {
            let Some(settings) = reader.settings(target) else {
                continue;
            };
            let is_ours = sources.shard.is_none_or(|shard| shard.has(&target.name));
            if is_ours && let Some(name) = settings.name.clone() {
                understood
                    .label_names
                    .extend(settings.labels.iter().map(|(name, _)| name.clone()));
                understood
                    .targets
                    .insert(name, (Meaning::new(&settings), settings));
            }
        }
        if reader.found.is_empty() {
            Ok(understood)
        } else {
            Err(reader.found)
        }
    });
    read.also(surroundings.into_looked_at());
    (
        read,
        understood.map_err(|diagnostics| TargetsError { diagnostics }),
    )
}

impl Fleet {
    /// Reads the files and starts their targets. Nothing waits for a server.
    ///
    /// # Errors
    /// Every mistake of the files, or that a target cannot be started.
    pub fn open(sources: FleetSources, engine: Engine, catalog: Arc<Catalog>) -> Result<Self, TargetsError> {
        let status = TargetsStatus {
            succeeded_at: SystemTime::now(),
            failure: None,
        };
        let fleet = Self {
            targets: Arc::new(Targets::many(BTreeMap::new())),
            engine,
            sources,
            catalog,
            pace: Pace::bounded(),
            read: Mutex::default(),
            status: ArcSwap::from_pointee(status),
            since: Instant::now(),
        };
        fleet.reload(false)?;
        Ok(fleet)
    }

    /// Reads the files anew, validates all of them, and swaps the targets in at once. A dry run only tells the difference.
    /// Reads files: not for a thread that answers.
    ///
    /// # Errors
    /// Every mistake; the targets in force stay.
    pub fn reload(&self, dry_run: bool) -> Result<Change, TargetsError> {
        let mut known = self.known();
        let (read, understood) = understand(&self.sources, &self.catalog, &self.pace);
        if dry_run {
            return understood.map(|understood| change(&known.meanings, &understood));
        }
        known.read = read;
        let swapped = understood.and_then(|understood| self.swap(&mut known, understood));
        let before = self.status.load();
        self.status.store(Arc::new(match &swapped {
            Ok(_) => TargetsStatus {
                succeeded_at: SystemTime::now(),
                failure: None,
            },
            Err(error) => TargetsStatus {
                succeeded_at: before.succeeded_at,
                failure: Some(error.to_string().into()),
            },
        }));
        swapped
    }

    fn swap(&self, known: &mut Known, understood: Understood) -> Result<Change, TargetsError> {
        let change = change(&known.meanings, &understood);
        let running: BTreeMap<Arc<str>, Arc<Target>> = match &**self.targets.now() {
            Map::Many(running) => running.clone(),
            Map::One(_) => BTreeMap::new(),
        };
        let mut targets = BTreeMap::new();
        let mut meanings = BTreeMap::new();
        let mut begun: u32 = 0;
        // Those that mean something else begin, too: one line of the defaults may be about all.
        let many = change.added.len() + change.modified.len();
        for (name, (meaning, settings)) in understood.targets {
            let same = running
                .get(&name)
                .filter(|_| known.meanings.get(&name) == Some(&meaning));
            let target = match same {
                Some(target) => Arc::clone(target),
                None => {
                    begun += 1;
                    let delay = delay(begun, many, settings.manner.interval);
                    let target = self.engine.run(settings, delay);
                    Arc::new(target.map_err(|error| TargetsError {
                        diagnostics: vec![unplaced(name.to_string(), format!("cannot be started: {error}"))],
                    })?)
                }
            };
            targets.insert(Arc::clone(&name), target);
            meanings.insert(name, meaning);
        }
        self.targets.swap(targets);
        self.catalog.set_target_labels(understood.label_names);
        known.meanings = meanings;
        Ok(change)
    }

    /// Reloads when a file has changed; `None` when none has.
    pub fn look(&self) -> Option<Result<Change, TargetsError>> {
        if self.known().read.is_unchanged(&self.sources.base.files) {
            return None;
        }
        Some(self.reload(false))
    }

    /// Looks at the files each second, for as long as it is polled.
    pub async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK).await;
            let fleet = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || fleet.look()).await {
                Ok(None) => {}
                Ok(Some(outcome)) => told("a file changed", false, &outcome),
                Err(error) => tracing::error!(%error, "the targets files were not looked at"),
            }
        }
    }

    /// Reloads beside the runtime that answers, and logs what came of it. `by` names who asked.
    ///
    /// # Errors
    /// As [`reload`](Self::reload).
    pub async fn reload_in_background(
        self: Arc<Self>,
        dry_run: bool,
        by: &str,
    ) -> Result<Change, TargetsError> {
        let outcome = tokio::task::spawn_blocking(move || self.reload(dry_run)).await;
        let outcome = outcome.unwrap_or_else(|_| {
            let message = "did not come to its end; the targets in force stay".to_owned();
            Err(TargetsError {
                diagnostics: vec![unplaced("reload".to_owned(), message)],
            })
        });
        told(by, dry_run, &outcome);
        outcome
    }

    /// How the files were read last. Never waits.
    #[must_use]
    pub fn status(&self) -> Arc<TargetsStatus> {
        self.status.load_full()
    }

    /// When the process began with them.
    #[must_use]
    pub fn since(&self) -> Instant {
        self.since
    }

    /// What holds for all targets.
    #[must_use]
    pub fn base(&self) -> &Base {
        &self.sources.base
    }

    /// Files and folders that name targets.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.sources.paths
    }

    /// Which of the targets are this exporter's.
    #[must_use]
    pub fn shard(&self) -> Option<Shard> {
        self.sources.shard
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn told(by: &str, dry_run: bool, outcome: &Result<Change, TargetsError>) {
    match outcome {
        Ok(change) if dry_run => tracing::info!(by, "reload of targets tried: {change}"),
        Ok(change) => tracing::info!(by, "targets reloaded: {change}"),
        Err(error) => tracing::error!(by, "reload of targets failed, those in force stay: {error}"),
    }
}

/// When a target is first probed: those that begin together do so one after the other, and so over the whole of their interval.
fn delay(begun: u32, many: usize, interval: Duration) -> Duration {
    let many = u32::try_from(many.max(1)).unwrap_or(u32::MAX);
    // A few are there at once; of many each has its step.
    let all = interval
        .max(STEP.saturating_mul(many))
        .min(interval.max(Duration::from_secs(60)));
    if many < 10 {
        return STEP.saturating_mul(begun - 1);
    }
    all.mul_f64(f64::from(begun - 1) / f64::from(many)).min(all)
}

fn change(before: &BTreeMap<Arc<str>, Meaning>, after: &Understood) -> Change {
    let names = |wanted: &dyn Fn(&Arc<str>, &Meaning) -> bool| -> Vec<String> {
        let found = after
            .targets
            .iter()
            .filter(|(name, (meaning, _))| wanted(name, meaning));
        found.map(|(name, _)| name.to_string()).collect()
    };
    let gone = before.keys().filter(|name| !after.targets.contains_key(*name));
    Change {
        added: names(&|name, _| !before.contains_key(name)),
        removed: gone.map(ToString::to_string).collect(),
        modified: names(&|name, meaning| before.get(name).is_some_and(|known| known != meaning)),
    }
}
