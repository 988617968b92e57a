//! Whether a target is still the same: by what its settings come to, however and wherever they are written.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pg_exporter_schema::MASK;

use super::target::TargetSettings;
use crate::health::probe::Manner;
use crate::postgres::conninfo::ConnInfo;
use crate::scrape::{Config, NamePattern};

/// What the settings of a target come to: two that mean the same are the same target. Secrets are compared, and not shown.
pub(super) struct Meaning {
    info: Arc<ConnInfo>,
    connect_timeout: Duration,
    max_connections: usize,
    config: Config,
    labels: Vec<(String, String)>,
    manner: Manner,
    scrape_timeout: Duration,
}

impl Meaning {
    /// Of settings as they were read: how many connections are allowed may change while they are used.
    pub(super) fn new(settings: &TargetSettings) -> Self {
        let TargetSettings {
            name: _,
            labels,
            endpoint,
            config,
            manner,
            scrape_timeout,
        } = settings;
        Self {
            info: Arc::clone(&endpoint.info),
            connect_timeout: endpoint.connect_timeout,
            max_connections: endpoint.permits().cap(),
            config: Config {
                labels: in_order(&config.labels),
                exclude: in_order_of_text(&config.exclude),
                include: in_order_of_text(&config.include),
                ..config.clone()
            },
            labels: in_order(labels),
            manner: *manner,
            scrape_timeout: *scrape_timeout,
        }
    }
}

/// Labels are a set, in whatever order they are written.
fn in_order(labels: &[(String, String)]) -> Vec<(String, String)> {
    let mut labels = labels.to_vec();
    labels.sort();
    labels
}

/// So are names of databases.
fn in_order_of_text(names: &[NamePattern]) -> Vec<NamePattern> {
    let mut names = names.to_vec();
    names.sort_by_cached_key(ToString::to_string);
    names
}

impl PartialEq for Meaning {
    fn eq(&self, other: &Self) -> bool {
        self.info.means_the_same_as(&other.info)
            && self.connect_timeout == other.connect_timeout
            && self.max_connections == other.max_connections
            && self.config == other.config
            && self.labels == other.labels
            && self.manner == other.manner
            && self.scrape_timeout == other.scrape_timeout
    }
}

impl fmt::Debug for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Meaning({MASK})")
    }
}

#[cfg(test)]
#[path = "meaning_tests.rs"]
mod tests;
