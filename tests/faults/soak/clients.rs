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
}

impl Kind {
    fn request(self) -> String {
        let page = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        match self {
            Self::Deaf => page("/metrics"),
            Self::Pipelines => page("/primary").repeat(50),
            Self::Halves => "GET /metrics HTTP/1.1\r\nHo".to_owned(),
            Self::Reloads => page("/reload"),
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
