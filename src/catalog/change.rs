//! What a reload changes.

use std::collections::HashMap;
use std::fmt;

use pg_exporter_schema::Collector;
use serde::Serialize;

use super::Live;

/// Branches, or targets, by what became of them, each list in alphabetical order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Those that were not there before.
    pub added: Vec<String>,
    /// Those that are no longer there.
    pub removed: Vec<String>,
    /// Those that are defined otherwise now, or were given another place in the order of execution.
    pub modified: Vec<String>,
}

impl Change {
    /// From one set to another.
    #[must_use]
    pub fn between(old: &Live, new: &Live) -> Self {
        let was = places(old, new);
        let is = places(new, old);
        let only = |set: &Live, common: &Places<'_>| {
            let branches = set
                .collectors
                .iter()
                .map(|collector| collector.branch.to_string());
            sorted(branches.filter(|branch| !common.contains_key(branch.as_str())))
        };
        let modified = was.iter().filter_map(|(branch, (before, old_place))| {
            let (after, new_place) = is.get(branch)?;
            // A priority that comes from the rank of a file changes with every file before it. It counts where it
            // moves something.
            let moved = before.priority != after.priority && old_place != new_place;
            (moved || !before.means_the_same_as(after)).then(|| (*branch).to_owned())
        });
        Self {
            modified: sorted(modified),
            added: only(new, &is),
            removed: only(old, &was),
        }
    }

    /// Whether nothing became different.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.modified.is_empty()
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            added,
            removed,
            modified,
        } = self;
        write!(
            f,
            "{} added, {} removed, {} modified",
            added.len(),
            removed.len(),
            modified.len()
        )
    }
}

/// Branches with their definition and place.
type Places<'a> = HashMap<&'a str, (&'a Collector, usize)>;

/// The branches of one set that another has too, by their place among them.
fn places<'a>(set: &'a Live, other: &Live) -> Places<'a> {
    let known: HashMap<&str, ()> = other
        .collectors
        .iter()
        .map(|collector| (&*collector.branch, ()))
        .collect();
    let common = set
        .collectors
        .iter()
        .filter(|collector| known.contains_key(&*collector.branch));
    common
        .enumerate()
        .map(|(place, collector)| (&*collector.branch, (&**collector, place)))
        .collect()
}

fn sorted(branches: impl Iterator<Item = String>) -> Vec<String> {
    let mut branches: Vec<_> = branches.collect();
    branches.sort_unstable();
    branches
}
