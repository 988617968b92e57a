//! The server as people are shown it.

use std::time::Duration;

use crate::catalog::flavour::Flavour;

/// The server as the last scrape found it. Nothing is asked for this: figures are those of shipped collectors, where they
/// run and no layer has replaced them.
#[derive(Clone, Debug, Default)]
pub struct ServerOverview {
    /// `server_version_num`, 0 when never known.
    pub version: u32,
    /// Whose server it is.
    pub flavour: Flavour,
    /// The role that the exporter has there; empty when never known.
    pub user: String,
    /// Since the postmaster started.
    pub uptime: Option<Duration>,
    /// Connections in use, of all databases.
    pub connections: Option<u64>,
    /// Connections that there may be.
    pub max_connections: Option<u64>,
    /// For how long a standby has been behind, by the last transaction that it replayed; 0 on a primary.
    pub lag: Option<Duration>,
}
