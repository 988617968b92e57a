//! The probe thread: all probes of the process, away from whatever else it does.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::task::AbortHandle;

use super::beat::Beat;
use super::probe;
use super::probe::Manner;
use super::snapshot::Health;
use crate::postgres::connect::Endpoint;
use crate::values::about;

/// How often the thread says that it turns.
const PULSE: Duration = Duration::from_secs(1);

/// A thread that has not turned for so long hangs.
const LONGEST: Duration = Duration::from_secs(10);

/// A handle on the probe thread, cheap to clone. The thread ends with the process.
#[derive(Clone, Debug)]
pub struct ProbeThread {
    runtime: Handle,
    beat: Beat,
}

/// A probe that runs. Dropping it ends the probe and closes its connections.
#[derive(Debug)]
pub struct Probing(AbortHandle);

impl ProbeThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be made.
    pub fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let thread = Self {
            runtime: runtime.handle().clone(),
            beat: Beat::new(LONGEST),
        };
        let beat = thread.beat.clone();
        thread::Builder::new().name("probe".to_owned()).spawn(move || {
            runtime.block_on(async {
                loop {
                    beat.beat();
                    tokio::time::sleep(PULSE).await;
                }
            });
        })?;
        Ok(thread)
    }

    /// Probes the target that the work is [about], until the handle is dropped; the first time after that delay.
    pub fn probe(
        &self,
        target: Option<Arc<str>>,
        endpoint: Endpoint,
        manner: Manner,
        health: Health,
        delay: Duration,
    ) -> Probing {
        let probe = about(target, async move {
            tokio::time::sleep(delay).await;
            probe::run(endpoint, manner, health).await;
        });
        Probing(self.runtime.spawn(probe).abort_handle())
    }

    /// Whether the thread turns.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.beat.is_alive()
    }
}

impl Drop for Probing {
    fn drop(&mut self) {
        self.0.abort();
    }
}
