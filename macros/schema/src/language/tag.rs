//! The words of `tags`.

use crate::model::{Tag, Text};

/// Tags that are words.
pub(crate) const WORDS: [(&str, Tag); 8] = [
    ("cluster", Tag::Cluster),
    ("primary", Tag::Primary),
    ("master", Tag::Primary),
    ("leader", Tag::Primary),
    ("replica", Tag::Replica),
    ("standby", Tag::Replica),
    ("slave", Tag::Replica),
    ("pgbouncer", Tag::Pgbouncer),
];

/// Makes a tag of its name.
type Make = fn(Text) -> Tag;

/// Tags that carry a name behind a colon.
pub(crate) const NAMED: [(&str, Make); 5] = [
    ("extension", Tag::Extension),
    ("schema", Tag::Schema),
    ("dbname", Tag::Database),
    ("username", Tag::User),
    ("not", Tag::Not),
];

/// The known words, for hints: those with a name, or those without.
pub(crate) fn words(named: bool) -> Vec<&'static str> {
    if named {
        NAMED.iter().map(|(word, _)| *word).collect()
    } else {
        WORDS.iter().map(|(word, _)| *word).collect()
    }
}
