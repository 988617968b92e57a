//! Puts files together: definitions replace, entries without a query tune, and what results is checked as a whole.

use std::collections::HashSet;
use std::sync::Arc;

use super::check;
use super::definition::definition;
use super::item::{Item, Places};
use super::tune;
use crate::language::near::did_you_mean;
use crate::model::Collector;
use crate::read::diagnostic::{Diagnostic, Severity};
use crate::read::entry;
use crate::read::given::Entry;
use crate::read::node::Node;
use crate::read::position::{At, Location, Position};
use crate::read::report::{Report, Strictness};
use crate::read::source::Source;

/// What came of some files.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The collectors by priority, in the order of their files. Without those that have mistakes.
    pub collectors: Vec<Collector>,
    /// Where the parts of each of them are written.
    pub places: Vec<Places>,
    /// Every mistake by file and line.
    pub diagnostics: Vec<Diagnostic>,
    /// The warnings among them in a few lines, for a log: of each kind the first, with a count.
    pub brief: Vec<String>,
}

impl Outcome {
    /// Whether the set must not be used.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|found| found.severity == Severity::Error)
    }
}

/// Compiles definition files into a set of their own.
///
/// A branch of a later [directory](Source::directory) replaces the branch of that key of an earlier one.
#[must_use]
pub fn compile(sources: &[Source], strictness: Strictness) -> Outcome {
    layer(&[], sources, strictness)
}

/// Compiles one definition that is already a tree: what the derive macro makes of a struct's attributes.
#[must_use]
pub fn compile_node(branch: &At<String>, node: &Node) -> Outcome {
    let mut report = Report::new(Strictness::Strict);
    let file: Arc<str> = Arc::from("");
    let mut in_file = report.in_file(&file);
    let entry = entry::entry(branch, node, &mut in_file);
    let item = entry.and_then(|entry| definition(&entry, 0, 0, &mut in_file));
    let items: Vec<Item> = item.into_iter().collect();
    check_set(&items, &mut report);
    outcome(items, report)
}

/// Checks names over all collectors, and the branches of each collector against each other.
fn check_set(items: &[Item], report: &mut Report) {
    check::names::check(items, report);
    check::versions::check(items, report);
}

fn outcome(items: Vec<Item>, report: Report) -> Outcome {
    let (collectors, places) = items.into_iter().map(Item::placed).unzip();
    let (diagnostics, brief) = report.into_sorted_and_brief();
    Outcome {
        collectors,
        places,
        diagnostics,
        brief,
    }
}

/// Lays definition files over a set.
///
/// An entry with `query` defines a branch; its file then owns the collector: all branches that the set below has of
/// it are dropped. An entry without `query` tunes the branch of that key, or every branch of the collector of that
/// name, as far as it is there when the entry's file is read; within a file definitions come first.
#[must_use]
pub fn layer(base: &[Collector], sources: &[Source], strictness: Strictness) -> Outcome {
    let mut report = Report::new(strictness);
    let mut set = Set {
        items: base.iter().map(Item::of_base).collect(),
        ..Set::default()
    };
    let mut size = 0;
    for (rank, source) in sources.iter().enumerate() {
        size += source.text.len();
        if size > LARGEST {
            too_large(source, &mut report);
            break;
        }
        let entries = entry::file(source, &mut report);
        let (definitions, tunings): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| entry.is_definition());
        for entry in &definitions {
            set.define(entry, rank, source, &mut report);
        }
        for entry in &tunings {
            set.tune(entry, rank, source, &mut report);
        }
    }
    if set.items.is_empty() && !report.has_errors() {
        no_collector(sources, &mut report);
    }
    check_set(&set.items, &mut report);
    set.items.sort_by_key(|item| item.collector.priority);
    outcome(set.items, report)
}

/// What all files of a set may have together, in bytes. The shipped set has a tenth of it.
const LARGEST: usize = 4 << 20;

fn too_large(source: &Source, report: &mut Report) {
    let file: Arc<str> = Arc::from(source.path.as_ref());
    let message = format!(
        "with this file the definitions are larger than {} MiB together, the most there may be; remove some",
        LARGEST >> 20
    );
    report.error(&Location::new(&file, Position::default()), message);
}

/// Files that define nothing are a mistake: someone expects metrics from them.
fn no_collector(sources: &[Source], report: &mut Report) {
    if let Some(first) = sources.first() {
        let file: Arc<str> = Arc::from(first.path.as_ref());
        let message =
            "no collector is defined here nor in any other file; write at least one entry with `query`";
        report.error(&Location::new(&file, Position::default()), message);
    }
}

/// The set as far as it has been read.
#[derive(Default)]
struct Set {
    items: Vec<Item>,
    /// Branches and collectors of definitions with mistakes: tuning them is no second mistake.
    broken: HashSet<String>,
    /// Branches of the set below that a file took over, and the collector it took over.
    dropped: Vec<(String, String)>,
}

impl Set {
    fn define(&mut self, entry: &Entry, rank: usize, source: &Source, report: &mut Report) {
        let file: Arc<str> = Arc::from(source.path.as_ref());
        let item = definition(entry, rank, source.directory, &mut report.in_file(&file));
        let Some(item) = item else {
            self.broken.insert(entry.branch.clone());
            self.broken.extend(entry.given.text("name").map(str::to_owned));
            return;
        };
        self.own(&item);
        match self
            .items
            .iter_mut()
            .find(|other| other.collector.branch == item.collector.branch)
        {
            Some(other) => {
                if !other.base && other.directory == item.directory {
                    let message = format!(
                        "duplicate branch `{}`, first at {}; give it another key, and `name: {}`",
                        entry.branch,
                        other.key.brief(),
                        item.collector.name
                    );
                    report.finding(&item.key, message);
                }
                *other = item;
            }
            None => self.items.push(item),
        }
    }

    /// Drops what the set below has of a collector that a file defines.
    fn own(&mut self, item: &Item) {
        let name = &item.collector.name;
        let dropped = &mut self.dropped;
        self.items.retain(|other| {
            let drop = other.base && other.collector.name == *name;
            if drop {
                dropped.push((other.collector.branch.to_string(), name.to_string()));
            }
            !drop
        });
    }

    fn tune(&mut self, entry: &Entry, rank: usize, source: &Source, report: &mut Report) {
        let file: Arc<str> = Arc::from(source.path.as_ref());
        let mut report = report.in_file(&file);
        let by_branch = self
            .items
            .iter()
            .any(|item| item.collector.branch == entry.branch);
        let is_meant = |item: &Item| {
            if by_branch {
                item.collector.branch == entry.branch
            } else {
                item.collector.name == entry.branch
            }
        };
        let mut matched: Vec<&mut Item> = self.items.iter_mut().filter(|item| is_meant(item)).collect();
        if !matched.is_empty() {
            tune::apply(entry, rank, &mut matched, &mut report);
        } else if !self.broken.contains(&entry.branch) && !entry.given.broken {
            report.error(entry.given.position, self.nothing_to_tune(entry));
        }
    }

    fn nothing_to_tune(&self, entry: &Entry) -> String {
        let branch = &entry.branch;
        if let Some((_, name)) = self.dropped.iter().find(|(dropped, _)| dropped == branch) {
            return format!(
                "`{branch}` is no longer there to tune: a file defines collector `{name}` and so replaces all its \
                 branches; write the branch with its query, or remove the entry"
            );
        }
        if entry.columns().is_some() && self.items.is_empty() {
            return format!("`{branch}` has no `query`; write the statement whose columns `metrics` lists");
        }
        let known = self
            .items
            .iter()
            .flat_map(|item| [item.collector.branch.as_ref(), item.collector.name.as_ref()]);
        let hint = did_you_mean(branch, known);
        format!(
            "`{branch}` has no `query`, so it tunes a branch or collector of that name, but there is none{hint}{}",
            if hint.is_empty() {
                "; write its `query`, or remove it; if it only holds anchors, let its name begin with `.` or `x-`"
            } else {
                ""
            }
        )
    }
}
