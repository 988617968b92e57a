//! What holds for all targets where nothing else is said of them: the flags of the process.

use std::time::Duration;

use crate::files::Files;
use crate::postgres::meter::ResultLimits;
use crate::scrape::Config;

/// What holds for all targets where nothing else is said.
#[derive(Clone, Debug)]
pub struct Base {
    /// How they are scraped. Its namespace is nobody's.
    pub config: Config,
    /// Prefix of the metrics about the exporter; `None` means `pg` or `pgbouncer`, by the target.
    pub namespace: Option<String>,
    /// Longest silence of a server while connecting, where it is not given.
    pub connect_timeout: Duration,
    /// Connections to each server.
    pub max_connections: usize,
    /// Bounds of each result.
    pub results: ResultLimits,
    /// Longest scrape when the client names no limit.
    pub scrape_timeout: Duration,
    /// Time between two health probes.
    pub health_interval: Duration,
    /// Time between two new connections of the health probe.
    pub health_connect_interval: Duration,
    /// Whether these write to a primary's WAL.
    pub health_write: bool,
    /// By what files are read.
    pub files: Files,
}
