//! What is written: values are typed, nothing is resolved, everything has its position.

use super::position::{At, Position};
use crate::language::key::Key;
use crate::model::{Collector, Column, Predicate, Usage};

/// One entry of a file: a definition, or a tuning when it has no `query`.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) branch: String,
    pub(crate) given: Given<Collector>,
}

/// One of `metrics`.
#[derive(Debug)]
pub(crate) struct GivenColumn {
    pub(crate) column: String,
    pub(crate) given: Given<Column>,
}

/// The keys of a map, each with its value.
#[derive(Debug)]
pub(crate) struct Given<T: 'static> {
    pub(crate) position: Position,
    pub(crate) pairs: Vec<Pair<T>>,
    /// Whether a mistake has been reported in it: then what it lacks is no news.
    pub(crate) broken: bool,
}

/// A key and its value.
#[derive(Debug)]
pub(crate) struct Pair<T: 'static> {
    pub(crate) key: &'static Key<T>,
    /// Where the key stands.
    pub(crate) key_position: Position,
    pub(crate) value: Written,
    /// Where the value stands.
    pub(crate) position: Position,
}

/// A value as it is written.
#[derive(Debug)]
pub(crate) enum Written {
    Text(String),
    Number(f64),
    Whole(i64),
    Boolean(bool),
    Usage(Usage),
    Words(Vec<At<String>>),
    /// Names and values.
    Assignments(Vec<(At<String>, At<String>)>),
    Numbers(Vec<At<f64>>),
    Predicates(Vec<Given<Predicate>>),
    Columns(Vec<GivenColumn>),
}

impl<T> Given<T> {
    /// The pair of that key.
    pub(crate) fn pair(&self, key: &str) -> Option<&Pair<T>> {
        self.pairs.iter().find(|pair| pair.key.name == key)
    }

    /// The text under that key, `None` when it is absent or blank.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match &self.pair(key)?.value {
            Written::Text(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }
}

impl Entry {
    /// Whether it is a definition.
    pub(crate) fn is_definition(&self) -> bool {
        self.given.pair("query").is_some()
    }

    /// What it says of columns.
    pub(crate) fn columns(&self) -> Option<(&Pair<Collector>, &[GivenColumn])> {
        self.given.pairs.iter().find_map(|pair| match &pair.value {
            Written::Columns(columns) => Some((pair, columns.as_slice())),
            _ => None,
        })
    }
}
