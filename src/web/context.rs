//! What requests are answered from.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::descriptors;
use super::excess::Excess;
use super::held::Held;
use super::limits::Limits;
use super::security::Security;
use crate::self_metrics::Telemetry;
use crate::service::Manager;

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
    /// One page for people is made at a time.
    pub people: Arc<Semaphore>,
    /// What clients have not taken yet.
    pub held: Arc<Held>,
    /// What clients may send without being answered.
    pub excess: Arc<Excess>,
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
            people: Arc::new(Semaphore::new(1)),
            held: Arc::default(),
            excess: Arc::default(),
            manager,
            security: Arc::new(security),
            limits,
        }
    }
}
