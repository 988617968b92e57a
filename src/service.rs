//! What a service manager is told of the exporter: systemd's `sd_notify(3)`.
//!
//! A crate would do for the protocol, which is lines in a datagram. But those there are wait for a manager that does
//! not read, and the thread that would wait here answers health checks.

use std::env;
use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::sleep;

/// How often the target's state is looked at, at least.
const LOOK: Duration = Duration::from_secs(1);

/// The manager that started the process, if it wants to know; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Manager {
    socket: Option<Arc<UnixDatagram>>,
    /// The manager restarts a process that it has not heard of for so long.
    watchdog: Option<Duration>,
}

/// A reload in progress, for the manager; its end is told when dropped.
#[derive(Debug)]
pub struct Reloading<'a>(&'a Manager);

impl Manager {
    /// The manager of `NOTIFY_SOCKET`. One that cannot be reached is logged: the exporter serves without it.
    #[must_use]
    pub fn from_environment() -> Self {
        let Some(name) = env::var("NOTIFY_SOCKET").ok().filter(|name| !name.is_empty()) else {
            return Self::default();
        };
        match connect(&name) {
            Ok(socket) => Self {
                socket: Some(Arc::new(socket)),
                watchdog: watchdog(&|name| env::var(name).ok()),
            },
            Err(error) => {
                tracing::warn!(%error, socket = name, "the service manager cannot be told anything");
                Self::default()
            }
        }
    }

    /// The exporter serves.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// A reload begins.
    #[must_use]
    pub fn reloading(&self) -> Reloading<'_> {
        // For `Type=notify-reload`: tells this reload from one before the manager's signal.
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
        Reloading(self)
    }

    /// The exporter ends.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Tells the state when it changes, in a sentence, and that the exporter lives while its threads do. Never ends where
    /// there is a manager; it is to run on the runtime whose life it tells of.
    pub async fn report(self, state: impl Fn() -> String, is_alive: impl Fn() -> bool) {
        if self.socket.is_none() {
            return;
        }
        let period = self.watchdog.map_or(LOOK, |limit| LOOK.min(limit / 2));
        let mut told = None;
        loop {
            let state = state();
            if told.as_ref() != Some(&state) {
                self.tell(&format!("STATUS={state}"));
                told = Some(state);
            }
            if self.watchdog.is_some() && is_alive() {
                self.tell("WATCHDOG=1");
            }
            sleep(period).await;
        }
    }

    fn tell(&self, what: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = socket.send(what.as_bytes()) {
            tracing::debug!(%error, what, "the service manager did not take a message");
        }
    }
}

impl Drop for Reloading<'_> {
    fn drop(&mut self) {
        self.0.ready();
    }
}

fn connect(name: &str) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address(name)?)?;
    Ok(socket)
}

fn address(name: &str) -> io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = name.strip_prefix('@') {
        use std::os::linux::net::SocketAddrExt as _;
        return SocketAddr::from_abstract_name(name);
    }
    SocketAddr::from_pathname(name)
}

/// The time of `WATCHDOG_USEC`, if `WATCHDOG_PID` does not name another process.
fn watchdog(variable: &dyn Fn(&str) -> Option<String>) -> Option<Duration> {
    let meant = variable("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
    let micros: u64 = variable("WATCHDOG_USEC")?.parse().ok()?;
    (meant && micros > 0).then(|| Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_of_this_process() {
        let own = std::process::id().to_string();
        let table = [
            (Some("2000000"), None, Some(Duration::from_secs(2))),
            (Some("2000000"), Some(own.as_str()), Some(Duration::from_secs(2))),
            (Some("2000000"), Some("1"), None),
            (Some("0"), None, None),
            (Some("soon"), None, None),
            (None, None, None),
        ];
        for (micros, pid, expected) in table {
            let found = watchdog(&|name| match name {
                "WATCHDOG_USEC" => micros.map(str::to_owned),
                _ => pid.map(str::to_owned),
            });
            assert_eq!(found, expected, "{micros:?} {pid:?}");
        }
    }
}
