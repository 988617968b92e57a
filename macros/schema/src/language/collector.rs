//! The keys of a definition.

use super::key::{Key, Takes, field};
use crate::model::Collector;

pub(crate) static KEYS: &[Key<Collector>] = &[
    Key::fixed(
        "name",
        Takes::Prefix(field!(name)),
        "Collector name, the prefix of its metrics; the branch's key when absent.",
    ),
    Key::fixed("desc", Takes::Text(field!(desc)), "What it collects, for people."),
    Key::needed(
        "query",
        Takes::Statement(field!(query)),
        "One SQL statement, or one pgbouncer command.",
    ),
    Key::fixed(
        "optional",
        Takes::Functions(field!(optional)),
        "Functions of `pg_catalog` that the query can do without. Where the role may not execute one, or the server does not support it, NULL stands for its value and no row for its rows.",
    ),
    Key::fixed(
        "predicate_queries",
        Takes::Predicates(field!(predicates)),
        "All must return one true before the query is run.",
    ),
    Key::tunable(
        "tags",
        Takes::Tags(field!(tags)),
        "Where it is installed; all must pass.",
    ),
    Key::tunable(
        "ttl",
        Takes::Seconds(field!(ttl)),
        "Seconds for which a result is served again.",
    ),
    Key::tunable(
        "search_path",
        Takes::Schemas(field!(search_path)),
        "Schemas in which unqualified names of the query are looked up; without it, those of the role and the database.",
    ),
    Key::tunable(
        "settings",
        Takes::Settings(field!(settings)),
        "Settings of the server that hold for the query alone, such as `work_mem: 64MB`; with `\">=64MB\"` a larger value of the server stands.",
    ),
    Key::tunable(
        "timeout",
        Takes::Timeout(field!(timeout)),
        "Seconds the statement may take, on the server and here; 0 is 0.1, negative is none but the scrape's deadline.",
    ),
    Key::tunable(
        "min_version",
        Takes::Version(field!(min_version)),
        "First server version it is for (140000); 0 is open.",
    ),
    Key::tunable(
        "max_version",
        Takes::Version(field!(max_version)),
        "First server version it is no longer for; 0 is open.",
    ),
    Key::tunable(
        "fatal",
        Takes::Boolean(field!(fatal)),
        "Whether its failure means that the target is down.",
    ),
    Key::tunable(
        "skip",
        Takes::Boolean(field!(skip)),
        "Whether it is defined but not run.",
    ),
    Key::tunable(
        "priority",
        Takes::Priority(field!(priority)),
        "Order of execution, lowest first; 0 is 100 plus the rank of its file.",
    ),
    Key::tunable(
        "max_series",
        Takes::Count(field!(max_series)),
        "Series above this number are dropped and counted; 0 is no limit.",
    ),
    Key::tunable(
        "max_stale",
        Takes::Seconds(field!(max_stale)),
        "Seconds for which the last good result is served after failures.",
    ),
    Key::tunable(
        "partial",
        Takes::Boolean(field!(partial)),
        "Whether rows that came before an error, such as the timeout, are served. For statements whose rows stand alone.",
    ),
    Key::tunable(
        "metrics",
        Takes::Columns(field!(columns)),
        "The columns of its result, each a map of one column to its properties. A definition needs them.",
    ),
];
