//! Which collectors are installed on a database, and why the others are not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use pg_exporter_schema::{Collector, Tag};

use super::extension_schema;
use super::extension_schema::Unknown;
use super::facts::Facts;
use super::facts::Kind;
use super::flavour::Flavour;

/// What the planner must know besides the facts.
#[derive(Clone, Debug)]
pub struct Context {
    /// What answers.
    pub kind: Kind,
    /// Whether the database was discovered rather than named by the URL.
    pub discovered: bool,
    /// Tags that the exporter was started with.
    pub tags: Arc<BTreeSet<String>>,
    /// Collectors that are not wanted on this target.
    pub skips: Arc<BTreeSet<String>>,
}

/// The planner's word on one branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Installed.
    Active,
    /// Defined with `skip: true`.
    Skipped,
    /// Not for this kind of target, version, role, database…
    Inactive(Why),
    /// Another branch of the collector fits too and is for newer servers, or comes first.
    Superseded {
        /// The branch installed instead.
        by: String,
        /// Whether that one is for newer servers; otherwise it merely comes first.
        is_newer: bool,
    },
}

/// Why a branch is not installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is for pgbouncer and this is PostgreSQL, or the other way round.
    Kind(Kind),
    /// The server is older than the branch.
    TooOld {
        /// The server's version.
        version: u32,
        /// The first version of the branch.
        min: u32,
    },
    /// The server is newer than the branch.
    TooNew {
        /// The server's version.
        version: u32,
        /// The first version the branch is no longer for.
        max: u32,
    },
    /// It runs on the connection of the URL only.
    Discovered,
    /// It is for servers out of recovery.
    NotPrimary,
    /// It is for servers in recovery.
    NotReplica,
    /// The extension is not installed in the database.
    Extension(String, String),
    /// The extension is installed in an older version: its name, that version, the first one that would do.
    ExtensionOlder(String, String, String),
    /// The extension is in a schema whose name cannot stand in a statement.
    ExtensionSchema(String),
    /// The schema does not exist in the database.
    Schema(String, String),
    /// It is for a database of another name.
    Database(String),
    /// It is for a role of another name.
    User(String),
    /// It is for servers of others than this one's.
    Flavour(Flavour),
    /// The exporter was started with a tag that excludes it.
    Excluded(String),
    /// The exporter was not started with its tag.
    NoTag(String),
    /// The targets file says that it is not wanted on this target.
    Unwanted,
}

/// The outcome for one database, in the order of execution.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Every branch with its verdict.
    pub verdicts: Vec<(Arc<Collector>, Verdict)>,
}

impl Plan {
    /// The installed branches.
    pub fn installed(&self) -> impl Iterator<Item = &Arc<Collector>> {
        self.verdicts
            .iter()
            .filter(|(_, verdict)| *verdict == Verdict::Active)
            .map(|(collector, _)| collector)
    }
}

/// Decides on every collector of the set: at most one branch per name is installed, with two candidates the one with
/// the higher `min_version`.
#[must_use]
pub fn plan(collectors: &[Arc<Collector>], facts: &Facts, context: &Context) -> Plan {
    let mut verdicts: Vec<_> = collectors
        .iter()
        .map(|collector| (Arc::clone(collector), judge(collector, facts, context)))
        .collect();
    let mut winners: BTreeMap<String, Arc<Collector>> = BTreeMap::new();
    for (collector, _) in verdicts.iter().filter(|(_, verdict)| *verdict == Verdict::Active) {
        let winner = winners
            .entry(collector.name.to_string())
            .or_insert_with(|| Arc::clone(collector));
        if collector.min_version > winner.min_version {
            *winner = Arc::clone(collector);
        }
    }
    for (collector, verdict) in &mut verdicts {
        if let Some(winner) = winners.get(&*collector.name)
            && *verdict == Verdict::Active
            && !Arc::ptr_eq(winner, collector)
        {
            *verdict = Verdict::Superseded {
                by: winner.branch.to_string(),
                is_newer: winner.min_version > collector.min_version,
            };
        }
    }
    Plan { verdicts }
}

fn judge(collector: &Collector, facts: &Facts, context: &Context) -> Verdict {
    if collector.skip {
        return Verdict::Skipped;
    }
    if context.skips.contains(&*collector.name) {
        return Verdict::Inactive(Why::Unwanted);
    }
    let for_pgbouncer = collector.has_tag(&Tag::Pgbouncer);
    if for_pgbouncer != (context.kind == Kind::Pgbouncer) {
        return Verdict::Inactive(Why::Kind(context.kind));
    }
    if !collector.fits_version(facts.version) {
        let version = facts.version;
        return Verdict::Inactive(if version < collector.min_version {
            Why::TooOld {
                version,
                min: collector.min_version,
            }
        } else {
            Why::TooNew {
                version,
                max: collector.max_version,
            }
        });
    }
    let by_tag = || {
        collector
            .tags
            .iter()
            .find_map(|tag| objection(tag, facts, context))
    };
    match by_tag()
        .or_else(|| other_database(collector, facts))
        .or_else(|| unknown_schema(collector, facts))
    {
        Some(why) => Verdict::Inactive(why),
        None => Verdict::Active,
    }
}

/// Several tags `dbname:` mean any of these databases: a connection has one.
fn other_database(collector: &Collector, facts: &Facts) -> Option<Why> {
    let names = collector.tags.iter().filter_map(|tag| match tag {
        Tag::Database(name) => Some(name.as_ref()),
        _ => None,
    });
    let names: Vec<&str> = names.collect();
    let is_other = !names.is_empty() && !names.contains(&facts.database.as_str());
    is_other.then(|| Why::Database(names.join(" or ")))
}

/// Why `@extschema:NAME@` of one of its statements cannot be replaced.
fn unknown_schema(collector: &Collector, facts: &Facts) -> Option<Why> {
    let predicates = collector.predicates.iter().map(|predicate| &predicate.query);
    let mut statements = predicates.chain([&collector.query]);
    statements.find_map(|sql| match extension_schema::replaced(sql, facts) {
        Ok(_) => None,
        Err(Unknown::Extension(name)) => Some(Why::Extension(name.to_owned(), facts.database.clone())),
        Err(Unknown::Unquotable(name)) => Some(Why::ExtensionSchema(name.to_owned())),
    })
}

/// Whether a version is that one or a later one: its numbers are compared one by one, so that 1.10 is after 1.9. What is no
/// number counts as 0, and so does what one has fewer of.
pub(crate) fn is_at_least(version: &str, wanted: &str) -> bool {
    let numbers = |text: &str| -> Vec<u64> {
        let parts = text.split(|c: char| !c.is_ascii_digit());
        let mut numbers: Vec<u64> = parts.map(|part| part.parse().unwrap_or(0)).collect();
        while numbers.last() == Some(&0) {
            numbers.pop();
        }
        numbers
    };
    numbers(version) >= numbers(wanted)
}

/// Why a tag does not pass.
fn objection(tag: &Tag, facts: &Facts, context: &Context) -> Option<Why> {
    let (passes, why) = match tag {
        Tag::Pgbouncer => return None,
        Tag::Cluster => (!context.discovered, Why::Discovered),
        Tag::Primary => (!facts.in_recovery, Why::NotPrimary),
        Tag::Replica => (facts.in_recovery, Why::NotReplica),
        Tag::Extension(name) => (
            facts.extensions.contains_key(&**name),
            Why::Extension(name.to_string(), facts.database.clone()),
        ),
        Tag::ExtensionFrom(name, wanted) => match facts.extensions.get(&**name) {
            Some(extension) => (
                is_at_least(&extension.version, wanted),
                Why::ExtensionOlder(name.to_string(), extension.version.clone(), wanted.to_string()),
            ),
            None => (false, Why::Extension(name.to_string(), facts.database.clone())),
        },
        Tag::Schema(name) => (
            facts.schemas.contains(&**name),
            Why::Schema(name.to_string(), facts.database.clone()),
        ),
        Tag::Database(_) => return None,
        Tag::User(name) => (facts.user == **name, Why::User(name.to_string())),
        Tag::Flavour(name) => (*facts.flavour.word() == **name, Why::Flavour(facts.flavour)),
        Tag::Not(name) if name.starts_with("flavour:") => {
            let word = name.strip_prefix("flavour:").unwrap_or_default();
            (facts.flavour.word() != word, Why::Flavour(facts.flavour))
        }
        Tag::Not(name) => (!context.tags.contains(&**name), Why::Excluded(name.to_string())),
        Tag::Custom(name) => (context.tags.contains(&**name), Why::NoTag(name.to_string())),
    };
    (!passes).then_some(why)
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(Kind::Postgres | Kind::Pooled) => f.write_str("for pgbouncer"),
            Self::Kind(Kind::Pgbouncer) => f.write_str("for PostgreSQL"),
            Self::TooOld { version, min } => write!(f, "server version {version} below {min}"),
            Self::TooNew { version, max } => write!(f, "server version {version} not below {max}"),
            Self::Discovered => f.write_str("runs once per cluster, on the connection of the URL"),
            Self::NotPrimary => f.write_str("primary only"),
            Self::NotReplica => f.write_str("replica only"),
            Self::Extension(name, database) => write!(f, "extension {name} is not installed in {database}"),
            Self::ExtensionOlder(name, version, wanted) => {
                write!(f, "extension {name} is {version}, below {wanted}")
            }
            Self::ExtensionSchema(name) => write!(
                f,
                "extension {name} is in a schema whose name has a quote, a dollar sign or a backslash, and a text of the statement names it"
            ),
            Self::Schema(name, database) => write!(f, "schema {name} does not exist in {database}"),
            Self::Database(name) => write!(f, "database {name} only"),
            Self::User(name) => write!(f, "role {name} only"),
            Self::Flavour(flavour) => write!(f, "not for {flavour}"),
            Self::Excluded(name) => write!(f, "excluded by tag {name}"),
            Self::NoTag(name) => write!(f, "tag {name} is not set"),
            Self::Unwanted => f.write_str("skipped on this target by the targets file"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active => f.write_str("Active"),
            Self::Skipped => f.write_str("Skipped"),
            Self::Inactive(why) => write!(f, "Inactive ({why})"),
            Self::Superseded { by, is_newer: true } => {
                write!(f, "Inactive ({by} is for newer servers and fits too)")
            }
            Self::Superseded { by, is_newer: false } => write!(
                f,
                "Inactive ({by} comes first and fits too; give both min_version and max_version)"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_number_by_number() {
        for (version, wanted) in [
            ("1.10", "1.9"),
            ("1.8", "1.8"),
            ("2", "1.99"),
            ("3.4.1dev", "3.4"),
            ("1.8.0", "1.8"),
        ] {
            assert!(is_at_least(version, wanted), "{version} {wanted}");
        }
        for (version, wanted) in [("1.9", "1.10"), ("1.8", "1.8.1"), ("", "1")] {
            assert!(!is_at_least(version, wanted), "{version} {wanted}");
        }
    }
}
