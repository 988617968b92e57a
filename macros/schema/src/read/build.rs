//! Looks into nodes and makes them.

use super::node::{Kind, Node};
use super::position::{At, Position};

impl Node {
    /// A scalar.
    pub(crate) fn scalar_at(position: Position, text: impl Into<String>) -> Self {
        Self {
            position,
            kind: Kind::Scalar(text.into()),
        }
    }

    /// A map of texts.
    pub(crate) fn map_at(position: Position, pairs: Vec<(&str, Self)>) -> Self {
        let pairs = pairs.into_iter();
        Self {
            position,
            kind: Kind::Map(
                pairs
                    .map(|(key, value)| (At::new(key.to_owned(), position), value))
                    .collect(),
            ),
        }
    }

    /// A list.
    pub(crate) fn list_at(position: Position, items: Vec<Self>) -> Self {
        Self {
            position,
            kind: Kind::List(items),
        }
    }

    /// An item of `metrics`, at the position of another.
    pub(crate) fn column(like: &At<String>, name: &str, properties: &[(&str, &str)]) -> Self {
        let at = like.position;
        let properties = properties
            .iter()
            .map(|(key, value)| (*key, Self::scalar_at(at, *value)));
        Self::map_at(at, vec![(name, Self::map_at(at, properties.collect()))])
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Map(pairs) => pairs
                .iter()
                .find(|(word, _)| word.value == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The value of a key.
    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match &mut self.kind {
            Kind::Map(pairs) => pairs
                .iter_mut()
                .find(|(word, _)| word.value == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Puts a key in, or gives it another value.
    pub(crate) fn set(&mut self, key: &str, value: Self) {
        if let Some(there) = self.get_mut(key) {
            *there = value;
        } else if let Kind::Map(pairs) = &mut self.kind {
            pairs.push((At::new(key.to_owned(), value.position), value));
        }
    }

    /// Takes a key away.
    pub(crate) fn remove(&mut self, key: &str) {
        if let Kind::Map(pairs) = &mut self.kind {
            pairs.retain(|(word, _)| word.value != key);
        }
    }

    /// The text of a scalar, without what surrounds it.
    pub(crate) fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    /// The text under a key.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.word()
    }

    /// The items of a list, none where there is none.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// The pairs of a map, none where there is none.
    pub(crate) fn pairs(&self) -> &[(At<String>, Self)] {
        match &self.kind {
            Kind::Map(pairs) => pairs,
            _ => &[],
        }
    }

    /// The pair of a map of one.
    pub(crate) fn only_pair(&self) -> Option<(&At<String>, &Self)> {
        match self.pairs() {
            [(key, value)] => Some((key, value)),
            _ => None,
        }
    }
}
