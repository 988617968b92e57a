//! A TCP proxy with faults, between the exporter and its target.

mod connection;

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, sleep};
use std::time::Duration;

use self::connection::Connection;
use crate::error::{Context, OrFail, Result};
use crate::port::{Port, lease};

/// What the proxy does with connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Forwards.
    Pass,
    /// Accepts, and forwards nothing more on any connection until the mode changes.
    Hang,
    /// Resets every connection, and every new one at once.
    Reset,
    /// Closes every connection in an orderly way, and every new one at once.
    Close,
    /// Does not listen, and has reset every connection.
    Refuse,
}

/// For so long others go on behind a new connection for which the line is to stand still.
const MOMENT: Duration = Duration::from_millis(100);

/// What holds for connections that are forwarded.
#[derive(Clone, Copy, Debug)]
struct Settings {
    mode: Mode,
    /// Added to each direction.
    latency: Duration,
    /// Bytes per second in each direction; 0: no bound.
    rate: u64,
    /// Bytes from the target after which a connection is reset; 0: never.
    cut: u64,
    /// Bytes from the target after which a connection forwards nothing more; 0: never.
    hang: u64,
    /// For how long nothing is forwarded on any connection behind a new one; 0: not at all.
    stall: Duration,
    stopped: bool,
}

struct Shared {
    target: u16,
    settings: Mutex<Settings>,
    changed: Condvar,
    connections: Mutex<Vec<Weak<Connection>>>,
}

/// A running proxy; its connections are reset when it is dropped.
pub struct FaultProxy {
    port: Port,
    shared: Arc<Shared>,
}

impl FaultProxy {
    /// Starts a proxy to a port of 127.0.0.1, in mode [`Mode::Pass`].
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    #[track_caller]
    pub fn start(target: u16) -> Self {
        Self::try_start(target).or_fail()
    }

    fn try_start(target: u16) -> Result<Self> {
        let port = lease()?;
        let settings = Settings {
            mode: Mode::Pass,
            latency: Duration::ZERO,
            rate: 0,
            cut: 0,
            hang: 0,
            stall: Duration::ZERO,
            stopped: false,
        };
        let shared = Arc::new(Shared {
            target,
            settings: Mutex::new(settings),
            changed: Condvar::new(),
            connections: Mutex::default(),
        });
        let listener = listen(port.number).context(|| format!("listening on port {}", port.number))?;
        let (number, acceptor) = (port.number, Arc::clone(&shared));
        thread::spawn(move || accept(number, listener, &acceptor));
        Ok(Self { port, shared })
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number
    }

    /// A connection URL through the proxy, as `postgres`.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/{database}", self.port())
    }

    /// Changes the mode, for old connections and new ones.
    ///
    /// # Panics
    /// When, after [`Mode::Refuse`], the port cannot be had again.
    #[track_caller]
    pub fn mode(&self, mode: Mode) {
        self.shared.change(|settings| settings.mode = mode);
        if mode == Mode::Reset || mode == Mode::Refuse || mode == Mode::Close {
            self.shared.end_all(mode != Mode::Close);
        }
        // The acceptor follows within a few milliseconds; a test must not race with it.
        let listens = mode != Mode::Refuse;
        crate::wait_until("the proxy has changed its mode", Duration::from_secs(10), || {
            TcpListener::bind(("127.0.0.1", self.port())).is_err() == listens
        });
    }

    /// Adds a delay to each direction.
    pub fn latency(&self, latency: Duration) {
        self.shared.change(|settings| settings.latency = latency);
    }

    /// Bounds each direction to so many bytes a second; 0 lifts the bound.
    pub fn rate(&self, bytes_per_second: u64) {
        self.shared.change(|settings| settings.rate = bytes_per_second);
    }

    /// Resets every new connection once so many bytes have come from the target; 0 ends that.
    pub fn cut_after(&self, bytes: u64) {
        self.shared.change(|settings| settings.cut = bytes);
    }

    /// Has the whole line stand still for so long with each new connection, whose own bytes wait from the first on. The others go
    /// on for a moment, as where a burst fills the line just then. 0 ends that.
    pub fn stall(&self, time: Duration) {
        self.shared.change(|settings| settings.stall = time);
    }

    /// Has every connection go silent once so many bytes have come from the target since it was opened; 0 ends that, and what
    /// was held back goes on.
    pub fn hang_after(&self, bytes: u64) {
        self.shared.change(|settings| settings.hang = bytes);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.change(|settings| settings.stopped = true);
        self.shared.end_all(true);
    }
}

impl std::fmt::Debug for FaultProxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "FaultProxy({} -> {}, {:?})",
            self.port(),
            self.shared.target,
            self.shared.settings()
        )
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settings(&self) -> Settings {
        *self.lock()
    }

    fn change(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits while the proxy hangs, as a whole or for a connection that has got so many bytes; `false` when it has stopped, or
    /// has ended the connection.
    fn may_forward(&self, seen: u64, ended: &AtomicBool) -> bool {
        let hangs =
            |settings: &Settings| settings.mode == Mode::Hang || (settings.hang > 0 && seen > settings.hang);
        let mut settings = self.lock();
        while hangs(&settings) && !settings.stopped && !ended.load(Ordering::SeqCst) {
            settings = self
                .changed
                .wait(settings)
                .unwrap_or_else(PoisonError::into_inner);
        }
        !settings.stopped && !ended.load(Ordering::SeqCst)
    }

    /// What a new connection does to the line.
    fn stall(&self) {
        let time = self.settings().stall;
        if !time.is_zero() {
            sleep(MOMENT);
            self.change(|settings| settings.mode = Mode::Hang);
            sleep(time);
            self.change(|settings| settings.mode = Mode::Pass);
        }
    }

    fn end_all(&self, reset: bool) {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        for connection in connections
            .drain(..)
            .filter_map(|connection| connection.upgrade())
        {
            connection.end(reset);
        }
        drop(connections);
        self.changed.notify_all();
    }

    fn remember(&self, connection: &Arc<Connection>) {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.retain(|connection| connection.strong_count() > 0);
        connections.push(Arc::downgrade(connection));
    }
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Accepts until the proxy stops, and keeps the socket closed while it refuses.
fn accept(port: u16, listener: TcpListener, shared: &Arc<Shared>) {
    let mut listener = Some(listener);
    loop {
        let settings = shared.settings();
        if settings.stopped {
            return;
        }
        if settings.mode == Mode::Refuse {
            listener = None;
        } else if listener.is_none() {
            listener = listen(port).ok();
        }
        match listener.as_ref().map(TcpListener::accept) {
            Some(Ok((client, _))) => greet(client, settings.mode, shared),
            _ => sleep(Duration::from_millis(2)),
        }
    }
}

fn greet(client: TcpStream, mode: Mode, shared: &Arc<Shared>) {
    match mode {
        Mode::Reset | Mode::Refuse => connection::reset(&client),
        Mode::Close => {}
        Mode::Pass | Mode::Hang => {
            let shared = Arc::clone(shared);
            thread::spawn(move || connection::open(client, &shared));
        }
    }
}
