//! Floods over HTTP/2 and TLS, for as long as a fault lasts.

use std::thread::{self, JoinHandle};

use pg_exporter_lab::flood::{Client, KINDS};
use tokio::sync::oneshot;

/// Connections of each: what they ask for at once leaves places for those who scrape.
const CONNECTIONS: usize = 6;

/// A flood; it ends when dropped.
pub(super) struct Flood {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    /// One of a kind; which, a number says.
    pub(super) fn start(client: &Client, number: u64) -> Self {
        let place = usize::try_from(number).unwrap_or_default() % KINDS.len();
        let (kind, client) = (KINDS[place], client.clone());
        let (end, ended) = oneshot::channel::<()>();
        let thread = thread::spawn(move || client.flood(kind, CONNECTIONS, ended, &Default::default()));
        Self {
            end: Some(end),
            thread: Some(thread),
        }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            // Whether anybody was answered beside it, the scrapes say.
            let _ = thread.join();
        }
    }
}
