//! What the web server is told of a target by the rest of the exporter.

use std::future::Future;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::fleet::Target;
use crate::health::{Health, Snapshot};
use crate::scrape::{Gone, Overview, Page, Request, Summary};

/// What the web server needs of a target.
pub trait Backend: Send + Sync + 'static {
    /// What requests call it; `None` where it is the only one.
    fn name(&self) -> Option<&str> {
        None
    }

    /// Labels of its own.
    fn labels(&self) -> &[(String, String)] {
        &[]
    }

    /// Places for pages of it in the making; `None` where no other target could want them.
    fn places(&self) -> Option<&Semaphore> {
        None
    }

    /// Longest scrape when the client names no limit.
    fn scrape_timeout(&self) -> Duration;

    /// The target's state as the probe saw it last. Never waits.
    fn health(&self) -> Snapshot;

    /// Whether the probe runs. Never waits.
    fn is_alive(&self) -> bool;

    /// The target after its last scrape, in figures. Never waits.
    fn summary(&self) -> Summary {
        Summary::default()
    }

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

impl Backend for Target {
    fn name(&self) -> Option<&str> {
        self.settings.name.as_deref()
    }

    fn labels(&self) -> &[(String, String)] {
        &self.settings.labels
    }

    fn places(&self) -> Option<&Semaphore> {
        self.settings.name.as_ref().map(|_| &self.places)
    }

    fn scrape_timeout(&self) -> Duration {
        self.settings.scrape_timeout
    }

    fn health(&self) -> Snapshot {
        self.health.snapshot()
    }

    fn is_alive(&self) -> bool {
        Health::is_alive(&self.health)
    }

    fn summary(&self) -> Summary {
        self.scraper.summary()
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
