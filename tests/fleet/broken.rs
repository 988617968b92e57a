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
    /// Says a byte now and then, and so never comes to an end of its greeting.
    Trickles,
    /// Lets in, and says a byte of an answer now and then.
    TricklesAfterLogin,
    /// Agrees to TLS, and never says a word of it.
    HangsInTls,
    /// Agrees to TLS, and speaks something else.
    GarbageInTls,
    /// Demands a hash of more rounds than anybody should make.
    DearHash,
    /// Lets in, and answers whatever is asked by messages that fit nothing.
    LiesAfterLogin,
    /// Lets in, and closes as soon as it is asked.
    ClosesAfterLogin,
    /// Lets in, and answers whatever is asked by an error.
    RefusesEverything,
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

    /// More of them.
    pub(crate) const OTHERS: [Self; 8] = [
        Self::Trickles,
        Self::TricklesAfterLogin,
        Self::HangsInTls,
        Self::GarbageInTls,
        Self::DearHash,
        Self::LiesAfterLogin,
        Self::ClosesAfterLogin,
        Self::RefusesEverything,
    ];

    /// What a test calls the target.
    pub(crate) fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    /// Messages of a client until it is at what is wrong: one that is sent away before that has tried nothing.
    pub(crate) fn steps(self) -> usize {
        match self {
            Self::HangsInLogin
            | Self::HangsInTls
            | Self::GarbageInTls
            | Self::DearHash
            | Self::LiesAfterLogin
            | Self::ClosesAfterLogin
            | Self::RefusesEverything => 2,
            Self::Closes => 0,
            _ => 1,
        }
    }

    /// What a target needs to get so far.
    pub(crate) fn keys(self) -> &'static str {
        match self {
            Self::HangsInTls | Self::GarbageInTls => ", sslmode: require",
            Self::HangsInLogin | Self::DearHash => ", password: secret",
            _ => "",
        }
    }
}

/// A running server; it ends with the test.
pub(crate) struct Broken {
    pub(crate) port: u16,
    seen: Arc<Seen>,
}

/// What it has seen of its clients.
#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    /// Messages of the client that got farthest.
    steps: AtomicUsize,
    sent: AtomicU64,
    has_ended: AtomicBool,
}

impl Broken {
    pub(crate) fn start(way: Way) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Seen>::default();
        let own = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if own.has_ended() {
                    return;
                }
                own.connections.fetch_add(1, Ordering::Relaxed);
                let own = Arc::clone(&own);
                if let Ok(stream) = stream {
                    thread::spawn(move || serve(stream, way, &own));
                }
            }
        });
        Self { port, seen }
    }

    /// Connections that were opened to it so far.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::Relaxed)
    }

    /// Messages of the client that got farthest.
    pub(crate) fn steps(&self) -> usize {
        self.seen.steps.load(Ordering::Relaxed)
    }

    /// Bytes of its floods so far, as far as somebody took them.
    pub(crate) fn sent(&self) -> u64 {
        self.seen.sent.load(Ordering::Relaxed)
    }
}

impl Seen {
    fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        self.seen.has_ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(mut stream: TcpStream, way: Way, seen: &Seen) {
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
        Way::FloodsAfterLogin
        | Way::FloodsOfNotices
        | Way::TricklesAfterLogin
        | Way::LiesAfterLogin
        | Way::ClosesAfterLogin
        | Way::RefusesEverything => b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I",
        // A greeting of 1,000 bytes, of which the length comes at once.
        Way::Trickles => b"E\0\0\x03\xe8",
        Way::HangsInTls | Way::GarbageInTls => b"S",
        // AuthenticationSASL.
        Way::DearHash => b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0",
    };
    let mut steps = usize::from(matches!(stream.read(&mut buffer), Ok(1..)));
    seen.steps.fetch_max(steps, Ordering::Relaxed);
    let _ = stream.write_all(answer);
    if Way::FLOODS.contains(&way) {
        flood(&stream, &endless(way), seen);
    }
    if matches!(way, Way::Trickles | Way::TricklesAfterLogin) {
        trickle(&stream, seen);
    }
    while !seen.has_ended() {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Err(error) if error.kind() != ErrorKind::WouldBlock => return,
            Err(_) => {}
            Ok(length) => {
                steps += 1;
                seen.steps.fetch_max(steps, Ordering::Relaxed);
                let Some(said) = reply(way, &buffer[..length]) else {
                    return;
                };
                let _ = stream.write_all(&said);
            }
        }
    }
}

/// What it says to something; `None` is that it closes.
fn reply(way: Way, asked: &[u8]) -> Option<Vec<u8>> {
    let said = match way {
        Way::ClosesAfterLogin => return None,
        // RowDescription of no column, DataRow of two, CopyData, an unknown message, ReadyForQuery in no known state.
        Way::LiesAfterLogin => {
            b"T\0\0\0\x06\0\0D\0\0\0\x0e\0\x02\0\0\0\0\xff\xff\xff\xffd\0\0\0\x05x\x01\0\0\0\x04Z\0\0\0\x05?"
                .to_vec()
        }
        Way::RefusesEverything => b"E\0\0\0\x22SERROR\0VERROR\0CXX000\0Mno way\0\0Z\0\0\0\x05I".to_vec(),
        Way::GarbageInTls => b"no TLS at all, but many words instead of it".to_vec(),
        Way::DearHash => return Some(challenge(asked)),
        _ => Vec::new(),
    };
    Some(said)
}

/// The server's first message of SCRAM, to a client's first.
fn challenge(asked: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(asked);
    let nonce = text.split("r=").nth(1).unwrap_or_default();
    let said = format!("r={nonce}0,s=c2FsdA==,i=4000000000");
    let length = u32::try_from(said.len() + 8).unwrap().to_be_bytes();
    [b"R", &length[..], b"\0\0\0\x0b", said.as_bytes()].concat()
}

/// A byte now and then, so that it is never silent: after a login, of a row that has no end.
fn trickle(mut stream: &TcpStream, seen: &Seen) {
    let mut bytes = b"D\0\x0f\xff\xff\0\x01\0\x0f\xff\0"
        .iter()
        .chain(std::iter::repeat(&b'z'));
    while !seen.has_ended() {
        let next = bytes.next().copied().unwrap_or_default();
        if stream.write_all(&[next]).is_err() {
            return;
        }
        thread::sleep(Duration::from_millis(100));
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
fn flood(mut stream: &TcpStream, piece: &[u8], seen: &Seen) {
    while !seen.has_ended() {
        // Whole messages, however much is taken of one at a time.
        let mut rest = piece;
        while !rest.is_empty() && !seen.has_ended() {
            match stream.write(rest) {
                Ok(bytes @ 1..) => {
                    seen.sent.fetch_add(bytes as u64, Ordering::Relaxed);
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
