//! The web server: metrics, health answers, pages for people. Only this module names hyper.
//!
//! ```text
//! listen -> accept -> transport -> connection -> request -> security -> route
//!     -> health | metrics | version | pages | report | reload -> answer, body
//! ```

mod accept;
mod answer;
mod body;
mod connection;
mod descriptors;
mod health;
mod listen;
mod metrics;
mod negotiate;
mod pages;
mod phase;
mod query;
mod reload;
mod report;
mod request;
mod route;
mod security;
mod selection;
mod shutdown;
mod telemetry_path;
#[cfg(test)]
mod tests;
mod timed_stream;
mod transport;
mod version;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

pub use accept::{serve, serve_connection};
pub use listen::{ActivationError, BindError, Listen, Listener, SocketFile, activated, bind};
pub use security::{Security, WebConfigError};
pub use shutdown::{Reloads, Termination};
pub use telemetry_path::{TelemetryPathError, check_telemetry_path};

use crate::catalog::Catalog;
use crate::health::{Health, Snapshot};
use crate::scrape::{Gone, Overview, Page, Request, Scraper};
use crate::self_metrics::Telemetry;
use crate::service::Manager;

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

/// What the operator says about answers.
#[derive(Clone, Debug)]
pub struct Options {
    /// Path of the metrics page.
    pub telemetry_path: String,
    /// Longest scrape when the client names no limit.
    pub scrape_timeout: Duration,
    /// Whether reloads over HTTP are refused.
    pub disable_reload: bool,
}

/// What requests are answered from.
#[derive(Debug)]
pub struct Context<B> {
    /// The rest of the exporter.
    pub backend: B,
    /// Path of the metrics page.
    pub telemetry_path: String,
    /// Longest scrape when the client names no limit.
    pub scrape_timeout: Duration,
    /// Whether reloads over HTTP are refused.
    pub disable_reload: bool,
    /// Counts what is answered.
    pub telemetry: Arc<Telemetry>,
    /// Pages that may be in the making at the same time.
    pub pages: Semaphore,
    /// Is told of reloads.
    pub manager: Manager,
    /// Who may ask, and over what.
    pub security: Arc<Security>,
    /// What clients may use.
    pub limits: Limits,
}

impl<B> Context<B> {
    /// A context as the operator wants it. Raises the process' limit of open files.
    pub fn new(
        backend: B,
        options: Options,
        telemetry: Arc<Telemetry>,
        manager: Manager,
        security: Security,
    ) -> Self {
        let limits = Limits::within(descriptors::raise());
        Self {
            backend,
            telemetry_path: options.telemetry_path,
            scrape_timeout: options.scrape_timeout,
            disable_reload: options.disable_reload,
            telemetry,
            pages: Semaphore::new(limits.pages),
            manager,
            security: Arc::new(security),
            limits,
        }
    }
}

/// What clients may use: a slow one costs one socket and nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections open at the same time.
    pub connections: usize,
    /// Connections above those whose clients have not had the time to ask: what a flood may open at most.
    pub newcomers: usize,
    /// Pages in the making at the same time, all but those of health, which are there. Were as many connections as there may
    /// be waiting for a scrape, no health check would be answered.
    pub pages: usize,
    /// Time for a TLS handshake.
    pub handshake: Duration,
    /// Time for a request's head, from its first byte; for the first head from the connection or its handshake
    /// on.
    pub head: Duration,
    /// Time for a request's body, which nothing here takes.
    pub request: Duration,
    /// Time between two requests of a connection.
    pub idle: Duration,
    /// Time for an answer to be taken by a client that does not keep up.
    pub write: Duration,
    /// Time for a client that was refused in the middle of a request to see that.
    pub farewell: Duration,
    /// Time for running requests to end after a signal.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            newcomers: 4096,
            pages: 256,
            handshake: Duration::from_secs(5),
            head: Duration::from_secs(5),
            request: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            write: Duration::from_secs(30),
            farewell: Duration::from_secs(1),
            drain: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// The defaults, with fewer connections where the process may open few files: some are for the rest of the exporter.
    fn within(descriptors: Option<u64>) -> Self {
        const REST: usize = 128;
        let limits = Self::default();
        let most = descriptors.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
        let most = most.saturating_sub(REST);
        let connections = limits.connections.min(most / 2).max(16);
        Self {
            connections,
            newcomers: limits.newcomers.min(most.saturating_sub(connections)),
            pages: connections / 2,
            ..limits
        }
    }
}
