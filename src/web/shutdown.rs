//! Signals: the end, and reloads.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A file has reached the size that it may have (`SIGXFSZ`): the log's, which is then an error of the write alone.
const FILE_SIZE: i32 = 25;

/// SIGTERM and SIGINT, caught from its making on.
#[derive(Debug)]
pub struct Termination {
    term: Signal,
    interrupt: Signal,
    _file_size: Signal,
}

impl Termination {
    /// Catches both signals. Needs a runtime with I/O.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            // Unless it is caught, it ends the process.
            _file_size: signal(SignalKind::from_raw(FILE_SIZE))?,
        })
    }

    /// Waits for either; its name.
    pub async fn wait(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// SIGHUP and SIGUSR1, caught from its making on: without it either would end the process.
#[derive(Debug)]
pub struct Reloads {
    hangup: Signal,
    user: Signal,
}

impl Reloads {
    /// Catches both signals. Needs a runtime with I/O.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }

    /// Waits for either; its name. Several that come while nobody waits are one.
    pub async fn wait(&mut self) -> &'static str {
        tokio::select! {
            _ = self.hangup.recv() => "SIGHUP",
            _ = self.user.recv() => "SIGUSR1",
        }
    }
}
