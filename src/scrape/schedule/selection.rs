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

    /// Whether a run of this selection does for a client that asks for the other: every collector of that is meant.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (&self.only, &other.only) {
            (_, Some(names)) => names
                .iter()
                .all(|name| !other.includes(name) || self.includes(name)),
            (None, None) => self.except.is_subset(&other.except),
            // Which collectors there are besides those named is not known here.
            (Some(_), None) => false,
        }
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
    }

    #[test]
    fn a_selection_covers_what_it_contains() {
        let all = selection(&[], &[]);
        let nothing = Selection::nothing();
        let (ab, a) = (selection(&["a", "b"], &[]), selection(&["a"], &[]));
        let (not_b, not_bc) = (selection(&[], &["b"]), selection(&[], &["b", "c"]));
        for (this, others) in [
            (&all, vec![&nothing, &ab, &a, &not_b, &not_bc, &all]),
            (&ab, vec![&nothing, &ab, &a]),
            (&a, vec![&nothing, &a]),
            (&not_b, vec![&nothing, &a, &not_b, &not_bc]),
            (&not_bc, vec![&nothing, &a, &not_bc]),
            (&nothing, vec![&nothing]),
        ] {
            for other in [&all, &nothing, &ab, &a, &not_b, &not_bc] {
                assert_eq!(this.covers(other), others.contains(&other), "{this:?} {other:?}");
            }
        }
        let a_of_ab = selection(&["a", "b"], &["b"]);
        assert!(not_b.covers(&a_of_ab) && a.covers(&a_of_ab) && a_of_ab.covers(&a) && !a_of_ab.covers(&ab));
    }
}
