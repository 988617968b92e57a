//! A distribution of a site's own collectors tells nothing of the server that is known here.

use std::sync::Arc;

use pg_exporter_schema::Collector;
use tokio::time::Instant;

use super::server::ServerOverview;
use crate::scrape::run::database::State;

/// No rows are read.
pub(in crate::scrape) fn wanted() -> Vec<Arc<Collector>> {
    Vec::new()
}

/// The server, of which only the facts are known.
pub(in crate::scrape) fn read(state: &State, _start: Instant) -> ServerOverview {
    ServerOverview {
        version: state.facts.version,
        flavour: state.facts.flavour,
        user: state.facts.user.clone(),
        ..ServerOverview::default()
    }
}
