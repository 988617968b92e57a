//! Servers that do everything wrong, each in its own way.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// What such a server does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Reads, and never says a word.
    Silent,
    /// Answers at once with what is no PostgreSQL.
    Garbage,
    /// Sends without end.
    Flood,
    /// Asks for a password, and never says whether it is right.
    HangsInLogin,
    /// Closes at once.
    Closes,
    /// Lets in, and sends a result without end.
    FloodsAfterLogin,
    /// Lets in, and sends notices without end.
    FloodsOfNotices,
}

impl Way {
    /// Those that send without end.
    pub(crate) const FLOODS: [Self; 3] = [Self::Flood, Self::FloodsAfterLogin, Self::FloodsOfNotices];

    pub(crate) const ALL: [Self; 6] = [
        Self::Silent,
        Self::Garbage,
        Self::Flood,
        Self::HangsInLogin,
        Self::Closes,
        Self::FloodsAfterLogin,
    ];
}

/// A running server; it ends with the test.
pub(crate) struct Broken {
    pub(crate) port: u16,
    connections: Arc<AtomicUsize>,
    sent: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
}

impl Broken {
    pub(crate) fn start(way: Way) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, ended) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let sent = Arc::<AtomicU64>::default();
        let (counted, until) = (Arc::clone(&connections), Arc::clone(&ended));
        let bytes = Arc::clone(&sent);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if until.load(Ordering::Relaxed) {
                    return;
                }
                counted.fetch_add(1, Ordering::Relaxed);
                let (until, bytes) = (Arc::clone(&until), Arc::clone(&bytes));
                if let Ok(stream) = stream {
                    thread::spawn(move || serve(stream, way, &until, &bytes));
                }
            }
        });
        Self {
            port,
            connections,
            sent,
            ended,
        }
    }

    /// Connections that were opened to it so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Bytes of its floods so far, as far as somebody took them.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(mut stream: TcpStream, way: Way, ended: &AtomicBool, sent: &AtomicU64) {
    let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
    let _ = stream.set_write_timeout(Some(Duration::from_millis(200)));
    let mut buffer = [0; 4096];
    let answer: &[u8] = match way {
        Way::Closes => return,
        Way::Silent => &[],
        Way::Garbage => b"HTTP/1.1 400 Bad Request\r\n\r\n\x00\xff\xfe",
        Way::Flood => &[b'x'; 65536],
        // AuthenticationCleartextPassword.
        Way::HangsInLogin => b"R\0\0\0\x08\0\0\0\x03",
        // AuthenticationOk, ReadyForQuery.
        Way::FloodsAfterLogin | Way::FloodsOfNotices => b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I",
    };
    let _ = stream.read(&mut buffer);
    let _ = stream.write_all(answer);
    if Way::FLOODS.contains(&way) {
        flood(&stream, &endless(way), ended, sent);
    }
    while !ended.load(Ordering::Relaxed) {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Err(error) if error.kind() != ErrorKind::WouldBlock => return,
            _ => {}
        }
    }
}

/// What it says over and over.
fn endless(way: Way) -> Vec<u8> {
    match way {
        Way::FloodsAfterLogin => {
            // DataRow with one column of no end.
            let mut row = b"D\x7f\xff\xff\xff\0\x01\x7f\xff\xff\xf0".to_vec();
            row.resize(65536, b'y');
            row
        }
        Way::FloodsOfNotices => b"N\0\0\0\x1bSNOTICE\0C00000\0Mhello\0\0".repeat(2340),
        _ => vec![b'x'; 65536],
    }
}

/// Sends until nobody listens any more.
fn flood(mut stream: &TcpStream, piece: &[u8], ended: &AtomicBool, sent: &AtomicU64) {
    while !ended.load(Ordering::Relaxed) {
        // Whole messages, however much is taken of one at a time.
        let mut rest = piece;
        while !rest.is_empty() && !ended.load(Ordering::Relaxed) {
            match stream.write(rest) {
                Ok(bytes @ 1..) => {
                    sent.fetch_add(bytes as u64, Ordering::Relaxed);
                    rest = rest.get(bytes..).unwrap_or_default();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                _ => return,
            }
        }
        // It leaves the machine to others, too.
        thread::sleep(Duration::from_millis(5));
    }
}
