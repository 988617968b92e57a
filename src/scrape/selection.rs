//! Which collectors a scrape is about, so that one exporter serves a fast and a slow job.

use std::collections::BTreeSet;

/// Collectors by name. It restricts what is executed and served; what is left out keeps its cached result and counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The only ones meant; `None` for all.
    only: Option<BTreeSet<String>>,
    /// Those left out all the same.
    except: BTreeSet<String>,
}

impl Selection {
    /// Those of `only`, or all when it is empty, without those of `except`.
    pub fn new(only: impl IntoIterator<Item = String>, except: impl IntoIterator<Item = String>) -> Self {
        let only: BTreeSet<String> = only.into_iter().collect();
        Self {
            only: (!only.is_empty()).then_some(only),
            except: except.into_iter().collect(),
        }
    }

    /// No collector: a scrape only reads facts and plans.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            only: Some(BTreeSet::new()),
            except: BTreeSet::new(),
        }
    }

    /// Whether the collector is meant.
    #[must_use]
    pub fn includes(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(name)) && !self.except.contains(name)
    }

    /// Whether a run of this selection does for a client that asks for the other: it is the same, or this is all.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self == other || *self == Self::default()
    }

    /// Every name it mentions.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.only.iter().flatten().chain(&self.except).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(only: &[&str], except: &[&str]) -> Selection {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        Selection::new(owned(only), owned(except))
    }

    #[test]
    fn exclusion_wins_and_no_name_means_all() {
        let all = Selection::default();
        assert_eq!(all, selection(&[], &[]));
        assert!(all.includes("a") && !Selection::nothing().includes("a"));
        let some = selection(&["a", "b"], &["b"]);
        assert_eq!(
            ["a", "b", "c"].map(|name| some.includes(name)),
            [true, false, false]
        );
        let most = selection(&[], &["b"]);
        assert_eq!(["a", "b"].map(|name| most.includes(name)), [true, false]);
        assert!(all.covers(&some) && some.covers(&some) && !some.covers(&all) && !some.covers(&most));
    }
}
