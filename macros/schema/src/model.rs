//! The resolved definition of a collector: what the engine runs.
//!
//! Names are rendered, defaults are filled in, each family's `# HELP` and `# TYPE` lines are text already. Strings and
//! lists are [`Cow`]s: the build script writes them as statics, the run-time parser owns them, and the engine cannot
//! tell the difference.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Text that is either compiled in or owned by a run-time layer.
pub type Text = Cow<'static, str>;

/// A list that is either compiled in or owned by a run-time layer.
pub type List<T> = Cow<'static, [T]>;

/// A version bound that leaves its end open.
pub const OPEN: u32 = u32::MAX;

/// The time a statement may take when its definition does not say.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_millis(100);

/// One branch of a collector, resolved.
///
/// Branches of one collector (`pg_db_12`, `pg_db_14`) share [`name`](Self::name) and differ in the servers they are
/// for: versions and tags. At most one of them is installed on a database.
#[derive(Clone, Debug, PartialEq)]
pub struct Collector {
    /// The key of the definition, unique in a set.
    pub branch: Text,
    /// The collector's name: prefix of its metrics, `query` label of the exporter's own metrics.
    pub name: Text,
    /// What it collects, for people.
    pub desc: Text,
    /// One SQL statement, or one pgbouncer admin command.
    pub query: Text,
    /// Functions of `pg_catalog` that the statement can do without: where the role may not execute one, or the server does not
    /// support it, NULL stands for its value, and no row for its rows.
    pub optional: List<Text>,
    /// Statements that must all return one true before [`query`](Self::query) is run.
    pub predicates: List<Predicate>,
    /// Where it is installed; all must pass.
    pub tags: List<Tag>,
    /// For how long a result is served again instead of being asked for anew. Zero: never.
    pub ttl: Duration,
    /// Schemas in which unqualified names of the statement are looked up. Empty: those of the role and the database.
    pub search_path: List<Text>,
    /// Settings of the server that hold for the statement alone.
    pub settings: List<Setting>,
    /// What the statement may take, on the server and here. `None`: only the scrape's deadline bounds it.
    pub timeout: Option<Duration>,
    /// The first server version it is for (`server_version_num`), 0 when open.
    pub min_version: u32,
    /// The first server version it is no longer for, [`OPEN`] when open.
    pub max_version: u32,
    /// Whether its failure means that the target is down.
    pub fatal: bool,
    /// Whether it is defined but not run.
    pub skip: bool,
    /// Location in the order of execution, lowest first.
    pub priority: i64,
    /// Series above this number are dropped and counted. 0: no limit.
    pub max_series: u64,
    /// For how long after its execution the last good result is served in place of failures.
    pub max_stale: Duration,
    /// Whether the rows that came before an error, such as the end of its time, are served as its result.
    pub partial: bool,
    /// Its result's columns in the order of the definition.
    pub columns: List<Column>,
    /// Where it is defined.
    pub origin: Origin,
}

/// A statement that decides whether a collector's query is run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Predicate {
    /// For messages; may be empty.
    pub name: Text,
    /// A statement of one row and one boolean column.
    pub query: Text,
    /// For how long an answer holds. Zero: it is asked for at each execution.
    pub ttl: Duration,
}

/// A setting of the server for one statement, such as `work_mem` = `64MB`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: Text,
    /// Its value, as `SET` takes it in quotes; behind `>=` a size that it is at least.
    pub value: Text,
}

/// A condition on the server, database or exporter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Tag {
    /// Only on the connection that the URL names, not on discovered databases.
    Cluster,
    /// Only out of recovery (`primary`, `master`, `leader`).
    Primary,
    /// Only in recovery (`replica`, `standby`, `slave`).
    Replica,
    /// Only on pgbouncer's admin console.
    Pgbouncer,
    /// `extension:NAME`: the extension is installed in the database.
    Extension(Text),
    /// `extension:NAME>=VERSION`: the extension is installed in the database, in that version or a later one.
    ExtensionFrom(Text, Text),
    /// `schema:NAME`: the schema exists in the database.
    Schema(Text),
    /// `dbname:NAME`: it is the database of that name.
    Database(Text),
    /// `username:NAME`: the exporter's role has that name.
    User(Text),
    /// `flavour:NAME`: the server is that service's or fork's, such as `flavour:aurora`.
    Flavour(Text),
    /// `not:TAG`: the exporter was not started with that tag; `not:flavour:NAME`: the server is another's.
    Not(Text),
    /// Any other: the exporter was started with it (`--tag`).
    Custom(Text),
}

/// A column of a collector's result.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The column's name in the result.
    pub column: Text,
    /// Label name, or full metric name (`pg_db_numbackends`; of a histogram its base name).
    pub name: Text,
    /// What becomes of it.
    pub usage: Usage,
    /// One sentence for `# HELP`, unescaped.
    pub help: Text,
    /// Factor on each value.
    pub scale: f64,
    /// What a NULL stands for, before `scale`. Without it NULL is NaN.
    pub default: Option<f64>,
    /// A histogram's finite bounds, strictly increasing.
    pub buckets: List<Bucket>,
    /// What it yields: nothing (label, discard), one family, or a histogram's three.
    pub families: List<Family>,
}

/// What becomes of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Usage {
    /// A label of every series of its row.
    Label,
    /// A sample of type gauge.
    Gauge,
    /// A sample of type counter.
    Counter,
    /// One observation of a histogram over the rows of equal labels.
    Histogram,
    /// Nothing.
    Discard,
}

/// A histogram's bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// Upper bound, inclusive.
    pub bound: f64,
    /// The bound as the `le` label shows it: shortest form, `1e+06` style above six digits.
    pub le: Text,
}

/// A metric family as the page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// Metric name.
    pub name: Text,
    /// `# HELP` and `# TYPE` lines of the text format, escaped, each with its line feed.
    pub head: Text,
}

/// Where a branch is defined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// File, as it was given, without the directory of the build.
    pub file: Text,
    /// Line of its key, from 1; 0 when it has none.
    pub line: u32,
    /// Line on which the text of its query begins, from 1; 0 when it has none.
    pub query_line: u32,
    /// The releases that its statement was prepared on when it was recorded, by their first version (140000, of pgbouncer
    /// 12500), sorted. Empty when nothing is recorded.
    pub proven: List<u32>,
}

impl Collector {
    /// The label columns in order.
    pub fn labels(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.usage == Usage::Label)
    }

    /// The columns that carry a number, in order: gauges, counters, histograms.
    pub fn values(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.usage.is_value())
    }

    /// Whether a server of that version is within the definition's range. Version 0 is unknown and fits all.
    #[must_use]
    pub fn fits_version(&self, version: u32) -> bool {
        version == 0 || (self.min_version <= version && version < self.max_version)
    }

    /// Whether the other is the same but for where it is defined and its place in the order of execution: its result
    /// can be served as this one's.
    #[must_use]
    pub fn means_the_same_as(&self, other: &Self) -> bool {
        if std::ptr::eq(self, other) {
            return true;
        }
        let other = Self {
            origin: self.origin.clone(),
            priority: self.priority,
            ..other.clone()
        };
        *self == other
    }

    /// Whether it has that tag.
    #[must_use]
    pub fn has_tag(&self, tag: &Tag) -> bool {
        self.tags.contains(tag)
    }
}

impl Default for Collector {
    /// What a collector is without any key.
    fn default() -> Self {
        Self {
            branch: "".into(),
            name: "".into(),
            desc: "".into(),
            query: "".into(),
            optional: List::default(),
            predicates: List::default(),
            tags: List::default(),
            ttl: Duration::ZERO,
            search_path: List::default(),
            settings: List::default(),
            timeout: Some(DEFAULT_TIMEOUT),
            min_version: 0,
            max_version: OPEN,
            fatal: false,
            skip: false,
            priority: 0,
            max_series: 0,
            max_stale: Duration::ZERO,
            partial: false,
            columns: List::default(),
            origin: Origin::default(),
        }
    }
}

impl Default for Column {
    /// What a column is without any property.
    fn default() -> Self {
        Self {
            column: "".into(),
            name: "".into(),
            usage: Usage::Discard,
            help: "".into(),
            scale: 1.0,
            default: None,
            buckets: List::default(),
            families: List::default(),
        }
    }
}

impl Usage {
    /// Its word in a definition.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Label => "LABEL",
            Self::Gauge => "GAUGE",
            Self::Counter => "COUNTER",
            Self::Histogram => "HISTOGRAM",
            Self::Discard => "DISCARD",
        }
    }

    /// Whether the column carries a number.
    #[must_use]
    pub fn is_value(self) -> bool {
        matches!(self, Self::Gauge | Self::Counter | Self::Histogram)
    }
}

impl fmt::Display for Tag {
    /// The tag as a definition spells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("cluster"),
            Self::Primary => f.write_str("primary"),
            Self::Replica => f.write_str("replica"),
            Self::Pgbouncer => f.write_str("pgbouncer"),
            Self::Extension(name) => write!(f, "extension:{name}"),
            Self::ExtensionFrom(name, version) => write!(f, "extension:{name}>={version}"),
            Self::Schema(name) => write!(f, "schema:{name}"),
            Self::Database(name) => write!(f, "dbname:{name}"),
            Self::User(name) => write!(f, "username:{name}"),
            Self::Flavour(name) => write!(f, "flavour:{name}"),
            Self::Not(name) => write!(f, "not:{name}"),
            Self::Custom(name) => f.write_str(name),
        }
    }
}

/// Schemas as the setting `search_path` takes them.
#[must_use]
pub fn search_path(schemas: &[Text]) -> String {
    let quoted: Vec<String> = schemas.iter().map(|schema| quoted(schema, '"')).collect();
    quoted.join(", ")
}

impl Setting {
    /// What makes the setting until the end of the transaction.
    #[must_use]
    pub fn set_local(&self) -> String {
        if let Some(least) = self.least() {
            return self.raise_local(least);
        }
        // A name with a point is one of an extension: each part is quoted by itself.
        let name: Vec<String> = self.name.split('.').map(|part| quoted(part, '"')).collect();
        format!("SET LOCAL {} = {}", name.join("."), quoted(&self.value, '\''))
    }
}

impl Setting {
    /// The size that it is at least, where it is written so: the server's own value stands if it is larger.
    #[must_use]
    pub fn least(&self) -> Option<&str> {
        self.value.strip_prefix(">=").map(str::trim_start)
    }

    fn raise_local(&self, least: &str) -> String {
        let (name, least) = (quoted(&self.name, '\''), quoted(least, '\''));
        format!(
            "SELECT pg_catalog.set_config({name}, {least}, true) WHERE \
             pg_catalog.pg_size_bytes(pg_catalog.current_setting({name})) OPERATOR(pg_catalog.<) pg_catalog.pg_size_bytes({least})"
        )
    }
}

/// A name or text of SQL, in those quotes.
fn quoted(text: &str, quote: char) -> String {
    let doubled = text.replace(quote, &format!("{quote}{quote}"));
    if quote == '\'' && text.contains('\\') {
        // A backslash means itself or not, as the server is set; after `E` it never does.
        return format!("E'{}'", doubled.replace('\\', "\\\\"));
    }
    format!("{quote}{doubled}{quote}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_settings_are_quoted() {
        assert_eq!(
            search_path(&["shop".into(), "My \"S\"".into()]),
            r#""shop", "My ""S""""#
        );
        let setting = |name: &'static str, value: &'static str| {
            Setting {
                name: name.into(),
                value: value.into(),
            }
            .set_local()
        };
        assert_eq!(setting("work_mem", "64MB"), r#"SET LOCAL "work_mem" = '64MB'"#);
        assert_eq!(
            setting("work_mem", ">= 32MB"),
            "SELECT pg_catalog.set_config('work_mem', '32MB', true) WHERE pg_catalog.pg_size_bytes(\
             pg_catalog.current_setting('work_mem')) OPERATOR(pg_catalog.<) pg_catalog.pg_size_bytes('32MB')"
        );
        assert_eq!(setting("a.b", r"it's \"), r#"SET LOCAL "a"."b" = E'it''s \\'"#);
    }
}
