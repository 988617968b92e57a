//! The keys of one of `predicate_queries`.

use super::key::{Key, Takes, field};
use crate::model::Predicate;

pub(crate) static KEYS: &[Key<Predicate>] = &[
    Key::fixed("name", Takes::Text(field!(name)), "Name for messages."),
    Key::needed(
        "predicate_query",
        Takes::Statement(field!(query)),
        "A statement of one row and one boolean column.",
    ),
    Key::fixed(
        "ttl",
        Takes::Seconds(field!(ttl)),
        "Seconds for which an answer holds; 0 is asked for at each execution.",
    ),
];
