//! The targets that requests can be about: one without a name, or many by theirs. Swapped as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

/// The targets at one moment.
#[derive(Debug)]
pub enum Map<T> {
    /// The process is one target's: requests need not say which.
    One(Arc<T>),
    /// Each by its name.
    Many(BTreeMap<Arc<str>, Arc<T>>),
}

/// The targets. What is asked while they are swapped is answered from the map that it began with.
#[derive(Debug)]
pub struct Targets<T>(ArcSwap<Map<T>>);

impl<T> Targets<T> {
    /// One target, for the life of the process.
    pub fn one(target: T) -> Self {
        Self(ArcSwap::from_pointee(Map::One(Arc::new(target))))
    }

    /// Many, which may be swapped.
    #[must_use]
    pub fn many(targets: BTreeMap<Arc<str>, Arc<T>>) -> Self {
        Self(ArcSwap::from_pointee(Map::Many(targets)))
    }

    /// Others take their place, at once.
    pub fn swap(&self, targets: BTreeMap<Arc<str>, Arc<T>>) {
        self.0.store(Arc::new(Map::Many(targets)));
    }

    /// The targets of this moment.
    #[must_use]
    pub fn now(&self) -> Guard<Arc<Map<T>>> {
        self.0.load()
    }

    /// Whether they are many: then a request says which it is about.
    #[must_use]
    pub fn are_many(&self) -> bool {
        matches!(&**self.0.load(), Map::Many(_))
    }
}

impl<T> Map<T> {
    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        let (one, many) = match self {
            Self::One(target) => (Some(target), None),
            Self::Many(targets) => (None, Some(targets.values())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(targets) => targets.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
