//! What a target's scrapes are told once, at the start.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::database_names::NamePattern;

/// Settings of the scrapes of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The target's name, where there are many.
    pub target: Option<Arc<str>>,
    /// Prefix of the exporter's own metrics.
    pub namespace: String,
    /// Labels of every series.
    pub labels: Vec<(String, String)>,
    /// Tags the exporter was started with.
    pub tags: Arc<BTreeSet<String>>,
    /// Collectors that are not run.
    pub skips: Arc<BTreeSet<String>>,
    /// Whether the process is of many targets: then what is about the process is on a page of its own.
    pub shares_process: bool,
    /// Whether results are cached for their ttl.
    pub cache: bool,
    /// Whether the exporter's own metrics are on the page.
    pub intro: bool,
    /// Databases scraped at the same time, at least 1.
    pub parallel: usize,
    /// Whether the server's room for connections decides how many are ours, where it has more databases than that.
    pub follows_room: bool,
    /// Bytes of a label.
    pub max_label_bytes: usize,
    /// Bytes of a collector's lines on one database.
    pub max_encoded_bytes: usize,
    /// Bytes of all results together.
    pub max_held_bytes: usize,
    /// Whether the databases of the cluster are discovered.
    pub auto_discovery: bool,
    /// Databases that are not discovered.
    pub exclude: Vec<NamePattern>,
    /// When not empty, the only databases that are discovered.
    pub include: Vec<NamePattern>,
}

impl Default for Config {
    /// One target, its own database alone, results cached, and no more than a result of some MiB.
    fn default() -> Self {
        Self {
            target: None,
            namespace: "pg".to_owned(),
            labels: Vec::new(),
            tags: Arc::default(),
            skips: Arc::default(),
            shares_process: false,
            cache: true,
            intro: true,
            parallel: 1,
            follows_room: false,
            max_label_bytes: 1 << 16,
            max_encoded_bytes: 1 << 25,
            max_held_bytes: 1 << 26,
            auto_discovery: false,
            exclude: Vec::new(),
            include: Vec::new(),
        }
    }
}

impl Config {
    /// Whether a database of the cluster is to be scraped besides the URL's own. Exclusion wins.
    #[must_use]
    pub fn is_wanted(&self, database: &str) -> bool {
        let named = |list: &[NamePattern]| list.iter().any(|name| name.matches(database));
        let is_vendors = VENDOR_DATABASES.contains(&database);
        self.auto_discovery
            && !is_vendors
            && !named(&self.exclude)
            && (self.include.is_empty() || named(&self.include))
    }
}

/// Databases of cloud vendors, to which their customers have no access.
const VENDOR_DATABASES: [&str; 7] = [
    "rdsadmin",
    "cloudsqladmin",
    "azure_maintenance",
    "azure_sys",
    "alloydbadmin",
    "alloydbmetadata",
    "_supabase",
];
