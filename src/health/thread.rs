//! The probe thread: all probes of the process, away from whatever else it does.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::runtime::{Builder, Handle};
use tokio::task::AbortHandle;

use super::beat::Beat;
use super::probe;
use super::probe::Manner;
use super::rhythm::Rhythm;
use super::snapshot::Health;
use crate::postgres::connect::Endpoint;
use crate::values::about;

/// How often the thread says that it turns, where nothing else wakes it then.
const PULSE: Duration = Duration::from_secs(5);

/// A thread that has not turned for so long hangs.
const LONGEST: Duration = Duration::from_secs(10);

/// Before a probe that panicked begins anew: what it panics at may be there still.
const PAUSE: Duration = Duration::from_secs(1);

/// A handle on the probe thread, cheap to clone. The thread ends with the process.
#[derive(Clone, Debug)]
pub struct ProbeThread {
    runtime: Handle,
    beat: Beat,
    rhythm: Rhythm,
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
        let (runtime, rhythm) = Rhythm::with_runtime(Builder::new_current_thread().enable_all())?;
        let thread = Self {
            runtime: runtime.handle().clone(),
            beat: Beat::new(LONGEST),
            rhythm,
        };
        let beat = thread.beat.clone();
        thread::Builder::new().name("probe".to_owned()).spawn(move || {
            runtime.block_on(async {
                loop {
                    beat.beat();
                    tokio::time::sleep_until(rhythm.next(PULSE)).await;
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
        let rhythm = self.rhythm;
        let probe = about(target, async move {
            tokio::time::sleep(delay).await;
            anew(|| probe::run(endpoint.clone(), manner, health.clone(), rhythm)).await;
        });
        Probing(self.runtime.spawn(probe).abort_handle())
    }

    /// Whether the thread turns.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.beat.is_alive()
    }
}

/// Runs a probe. A panic costs what was known of the target: it begins anew.
async fn anew<F: Future<Output = ()>>(probe: impl Fn() -> F) {
    while AssertUnwindSafe(probe()).catch_unwind().await.is_err() {
        tracing::error!("a target's probe panicked; it begins anew");
        tokio::time::sleep(PAUSE).await;
    }
}

impl Drop for Probing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "it is what is looked at")]
    use std::cell::Cell;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_panics_begins_anew() {
        let (begun, times) = (Instant::now(), Cell::new(0));
        anew(|| {
            times.set(times.get() + 1);
            let time = times.get();
            async move {
                // At its beginning, and later.
                tokio::time::sleep(PAUSE * (time - 1)).await;
                assert!(time > 3, "as the test wants it");
            }
        })
        .await;
        assert_eq!(times.get(), 4);
        assert_eq!(begun.elapsed(), PAUSE * (1 + 2 + 3) + 3 * PAUSE);
    }
}
