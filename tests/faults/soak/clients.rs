//! Clients that misbehave, for as long as a fault lasts.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// What each of them does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Asks for a page and does not read it.
    Deaf,
    /// Asks for `/primary` as often as it can, and reads nothing but what it must.
    Pipelines,
    /// Sends a part of a request.
    Halves,
    /// Asks for reloads without a pause.
    Reloads,
    /// Asks for pages, some of chosen collectors, within less time than they take; every other one hangs up then.
    Hasty,
}

/// What those have time for, in milliseconds.
const HASTE: [u64; 3] = [1, 20, 50];

impl Kind {
    fn request(self) -> String {
        let page = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        match self {
            Self::Deaf => page("/metrics"),
            Self::Pipelines => page("/primary").repeat(50),
            Self::Halves => "GET /metrics HTTP/1.1\r\nHo".to_owned(),
            Self::Reloads => page("/reload"),
            Self::Hasty => page("/metrics"),
        }
    }
}

/// Asks in all ways of [`Kind::Hasty`], once each, with a time that is named or without.
fn hurry(port: u16) {
    let ask = |path: &str, head: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        Some(stream)
    };
    for time in HASTE {
        let head = format!("X-Prometheus-Scrape-Timeout-Seconds: 0.{time:03}\r\n");
        let paths = ["/metrics", "/metrics?collect[]=pg_db&collect[]=pg_table"];
        let ways = paths.map(|path| [ask(path, &head), ask(path, &head), ask(path, "")]);
        thread::sleep(Duration::from_millis(time));
        for [patient, _, _] in ways {
            // Both others hang up.
            let _ = patient.map(|mut stream| stream.read_to_end(&mut Vec::new()));
        }
    }
}

/// Some of a kind; they leave when dropped.
pub(super) struct Crowd {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Crowd {
    pub(super) fn start(port: u16, kind: Kind, clients: usize) -> Self {
        let ended = Arc::<AtomicBool>::default();
        let end = Arc::clone(&ended);
        let thread = thread::spawn(move || {
            while kind == Kind::Hasty && !end.load(Ordering::Relaxed) {
                hurry(port);
                // An unoptimized build has some two hundred handshakes a second, on a machine that has nothing else to do.
                thread::sleep(Duration::from_millis(200));
            }
            let request = kind.request();
            let mut streams: Vec<_> = (0..clients).filter_map(|_| connect(port)).collect();
            let mut sink = [0; 65_536];
            let mut is_first = true;
            while !end.load(Ordering::Relaxed) {
                for stream in &mut streams {
                    let reads = [Kind::Pipelines, Kind::Reloads].contains(&kind);
                    if is_first || reads {
                        // Whoever is cut off stays away.
                        let _ = stream.write_all(request.as_bytes());
                    }
                    if reads {
                        let _ = stream.read(&mut sink);
                    }
                }
                is_first = false;
                thread::sleep(Duration::from_millis(1));
            }
        });
        Self {
            ended,
            thread: Some(thread),
        }
    }
}

fn connect(port: u16) -> Option<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
    // A small window, so that the server has to keep what it has to say.
    socket.set_recv_buffer_size(4096).ok()?;
    let address: SocketAddr = ([127, 0, 0, 1], port).into();
    socket.connect(&address.into()).ok()?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_millis(20))).ok()?;
    stream.set_write_timeout(Some(Duration::from_millis(20))).ok()?;
    Some(stream)
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It does not panic.
            let _ = thread.join();
        }
    }
}
