//! A branch on its way into a set.

use std::sync::Arc;

use crate::model::Collector;
use crate::read::position::{Location, Position};

/// A resolved branch and where its parts are written.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) collector: Collector,
    /// Whether it is of the set that the layer lies on.
    pub(crate) base: bool,
    /// Whether the layer defined or tuned it. What was neither has been checked when it was compiled.
    pub(crate) touched: bool,
    /// Rank of the directory it comes from.
    pub(crate) directory: usize,
    pub(crate) key: Location,
    pub(crate) tags: Location,
    pub(crate) versions: Location,
    pub(crate) query: Location,
    pub(crate) predicates: Vec<Location>,
    pub(crate) columns: Vec<Location>,
}

/// Where the parts of a branch are written that a server has a word on.
#[derive(Clone, Debug)]
pub struct Places {
    pub(crate) versions: Location,
    pub(crate) query: Location,
    pub(crate) predicates: Vec<Location>,
    pub(crate) columns: Vec<Location>,
}

impl Item {
    /// A branch of the set below a layer. Only its line is known.
    pub(crate) fn of_base(collector: &Collector) -> Self {
        let file: Arc<str> = collector.origin.file.as_ref().into();
        let column = u32::from(collector.origin.line > 0);
        let key = Location::new(&file, Position::new(collector.origin.line, column));
        let columns = vec![key.clone(); collector.columns.len()];
        Self {
            base: true,
            touched: false,
            columns,
            ..Self::new(collector.clone(), key, 0)
        }
    }

    /// A branch of a layer.
    pub(crate) fn new(collector: Collector, key: Location, directory: usize) -> Self {
        Self {
            base: false,
            touched: true,
            directory,
            tags: key.clone(),
            versions: key.clone(),
            query: key.clone(),
            predicates: Vec::new(),
            columns: Vec::new(),
            key,
            collector,
        }
    }

    /// The branch, and where its parts are written.
    pub(crate) fn placed(self) -> (Collector, Places) {
        let places = Places {
            versions: self.versions,
            query: self.query,
            predicates: self.predicates,
            columns: self.columns,
        };
        (self.collector, places)
    }
}
