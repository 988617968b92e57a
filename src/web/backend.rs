//! What the web server is told by the rest of the exporter.

use std::future::Future;
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::health::{Health, Snapshot};
use crate::scrape::{Gone, Overview, Page, Request, Scraper};

/// What the web server needs from the rest of the exporter.
pub trait Backend: Send + Sync + 'static {
    /// The target's state as the probe saw it last. Never waits.
    fn health(&self) -> Snapshot;

    /// Whether the probe runs. Never waits.
    fn is_alive(&self) -> bool;

    /// The set of collectors in force.
    fn catalog(&self) -> &Arc<Catalog>;

    /// A metrics page.
    ///
    /// # Errors
    /// When the scrape thread is gone.
    fn page(&self, request: Request) -> impl Future<Output = Result<Page, Gone>> + Send;

    /// Host, port and database of the target, without secrets.
    fn server(&self) -> &str;

    /// What to show to people.
    ///
    /// # Errors
    /// When the scrape thread is gone.
    fn overview(&self) -> impl Future<Output = Result<Overview, Gone>> + Send;
}

/// The backend of a running exporter: its scrape thread and its probe.
#[derive(Clone, Debug)]
pub struct Live {
    /// Makes metrics pages.
    pub scraper: Scraper,
    /// What is collected.
    pub catalog: Arc<Catalog>,
    /// Knows the target's state.
    pub health: Health,
    /// Host, port and database of the target, without secrets.
    pub server: Arc<str>,
}

impl Backend for Live {
    fn health(&self) -> Snapshot {
        self.health.snapshot()
    }

    fn is_alive(&self) -> bool {
        self.health.is_alive()
    }

    fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    fn server(&self) -> &str {
        &self.server
    }

    fn page(&self, request: Request) -> impl Future<Output = Result<Page, Gone>> + Send {
        self.scraper.page(request)
    }

    fn overview(&self) -> impl Future<Output = Result<Overview, Gone>> + Send {
        self.scraper.overview()
    }
}
