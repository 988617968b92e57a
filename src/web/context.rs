//! What requests are answered from.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::descriptors;
use super::excess::Excess;
use super::held::Held;
use super::limits::Limits;
use super::per_peer::PerPeer;
use super::security::Security;
use super::turns::Turns;
use crate::catalog::Catalog;
use crate::fleet::{Fleet, Targets};
use crate::self_metrics::Telemetry;
use crate::service::Manager;

/// What the operator says about answers.
#[derive(Clone, Debug)]
pub struct Options {
    /// Path of the metrics page.
    pub telemetry_path: String,
    /// Whether reloads over HTTP are refused.
    pub disable_reload: bool,
    /// Host and port under which others find this exporter; as they call it, where it is not given.
    pub external_address: Option<String>,
}

/// What requests are answered from.
#[derive(Debug)]
pub struct Context<B> {
    /// What is scraped and probed.
    pub targets: Arc<Targets<B>>,
    /// What keeps the targets up to date, where files name them.
    pub fleet: Option<Arc<Fleet>>,
    /// What is collected.
    pub catalog: Arc<Catalog>,
    /// Path of the metrics page.
    pub telemetry_path: String,
    /// Whether reloads over HTTP are refused.
    pub disable_reload: bool,
    /// Host and port under which others find this exporter; as they call it, where it is not given.
    pub external_address: Option<String>,
    /// Counts what is answered.
    pub telemetry: Arc<Telemetry>,
    /// Pages that may be in the making at the same time.
    pub pages: Semaphore,
    /// Those among them of targets that are not up, where there are many: such pages take long.
    pub pages_of_down: Semaphore,
    /// One page for people is made at a time.
    pub people: Arc<Semaphore>,
    /// What clients have not taken yet.
    pub held: Arc<Held>,
    /// What clients may send without being answered.
    pub excess: Arc<Excess>,
    /// How many connections each client has.
    pub per_peer: Arc<PerPeer>,
    /// Turns of handshakes.
    pub handshakes: Arc<Turns>,
    /// Turns of connections that keep the thread busy.
    pub busy: Arc<Turns>,
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
        targets: Arc<Targets<B>>,
        catalog: Arc<Catalog>,
        options: Options,
        telemetry: Arc<Telemetry>,
        manager: Manager,
        security: Security,
    ) -> Self {
        let limits = Limits::within(descriptors::raise());
        Self {
            targets,
            fleet: None,
            catalog,
            telemetry_path: options.telemetry_path,
            disable_reload: options.disable_reload,
            external_address: options.external_address,
            telemetry,
            pages: Semaphore::new(limits.pages),
            pages_of_down: Semaphore::new(limits.pages / 2),
            people: Arc::new(Semaphore::new(1)),
            held: Arc::default(),
            excess: Arc::default(),
            per_peer: Arc::default(),
            handshakes: Turns::new(),
            busy: Turns::new(),
            manager,
            security: Arc::new(security),
            limits,
        }
    }

    /// Connections that are open.
    pub(super) fn open(&self) -> usize {
        usize::try_from(self.telemetry.connections().get()).unwrap_or_default()
    }

    /// The same, whose targets are kept up to date.
    #[must_use]
    pub fn with_fleet(self, fleet: Option<Arc<Fleet>>) -> Self {
        Self { fleet, ..self }
    }
}
