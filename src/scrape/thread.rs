//! A scrape thread: targets live on it, each a task of its own.

use std::fmt;
use std::io;
use std::thread;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep_until;

use super::tools::Tools;
use crate::health::{Beat, Rhythm};

/// How often the thread says that it turns, where nothing else wakes it then.
const PULSE: Duration = Duration::from_secs(10);

/// A thread that has not turned for so long hangs. Rendering the largest page takes less than a second.
const LONGEST: Duration = Duration::from_secs(30);

/// What a target does on its thread, made there of what all on it share.
type Life = Box<dyn FnOnce(Tools) -> LocalBoxFuture<'static, ()> + Send>;

/// A handle on a scrape thread, cheap to clone. The thread ends when the last handle is dropped.
#[derive(Clone)]
pub struct ScrapeThread {
    lives: mpsc::UnboundedSender<Life>,
    beat: Beat,
}

impl ScrapeThread {
    /// Starts a thread of that name.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be made.
    pub fn start(name: &str) -> io::Result<Self> {
        let (lives, mut inbox) = mpsc::unbounded_channel::<Life>();
        let beat = Beat::new(LONGEST);
        let own = beat.clone();
        let (runtime, rhythm) = Rhythm::with_runtime(Builder::new_current_thread().enable_all())?;
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            LocalSet::new().block_on(&runtime, async move {
                let tools = Tools::new(rhythm);
                own.beat();
                let mut pulse = rhythm.next(PULSE);
                loop {
                    tokio::select! {
                        life = inbox.recv() => match life {
                            Some(life) => drop(spawn_local(life(tools.clone()))),
                            None => return,
                        },
                        () = sleep_until(pulse) => {
                            own.beat();
                            pulse = rhythm.next(PULSE);
                        }
                    }
                }
            });
        })?;
        Ok(Self { lives, beat })
    }

    /// Whether the thread turns.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.beat.is_alive() && !self.lives.is_closed()
    }

    /// Makes a task there.
    pub(in crate::scrape) fn spawn(
        &self,
        life: impl FnOnce(Tools) -> LocalBoxFuture<'static, ()> + Send + 'static,
    ) {
        // Where the thread is gone, its targets say so to who asks.
        let _ = self.lives.send(Box::new(life));
    }
}

impl fmt::Debug for ScrapeThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScrapeThread").finish_non_exhaustive()
    }
}
