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
pub(crate) const NAMED: [(&str, Make); 6] = [
    ("extension", Tag::Extension),
    ("schema", Tag::Schema),
    ("dbname", Tag::Database),
    ("username", Tag::User),
    ("flavour", Tag::Flavour),
    ("not", Tag::Not),
];

/// What servers are recognised as.
pub const FLAVOURS: [&str; 13] = [
    "postgres",
    "aurora",
    "rds",
    "alloydb",
    "cloudsql",
    "azure",
    "neon",
    "supabase",
    "edb",
    "greenplum",
    "yugabytedb",
    "redshift",
    "cockroachdb",
];

/// The known words, for hints: those with a name, or those without.
pub(crate) fn words(named: bool) -> Vec<&'static str> {
    if named {
        NAMED.iter().map(|(word, _)| *word).collect()
    } else {
        WORDS.iter().map(|(word, _)| *word).collect()
    }
}
