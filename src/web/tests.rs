//! Raw requests over real sockets against [`serve`], with a backend whose state the test sets.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and shows what it measured"
)]

mod crowd;
mod health;
mod http2;
mod limits;
mod pages;
mod people;
mod reports;
mod tls;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

use super::turns::Turns;
use super::{Backend, Context, Limits, Security, serve};
use crate::catalog::compiled::COLLECTORS;
use crate::catalog::{Catalog, Sources};
use crate::fleet::Targets;
use crate::health::{Lag, Snapshot, State};
use crate::scrape::{Gone, Overview, Page, Request};
use crate::self_metrics::{Telemetry, Writer};
use crate::service::Manager;

/// A backend that says what the test wants.
struct Told {
    snapshot: Mutex<Snapshot>,
    alive: AtomicBool,
    page: Vec<Bytes>,
    /// Bytes that each page has of its own.
    fresh: Option<usize>,
    /// What a page takes to make.
    page_time: Duration,
    asked: Mutex<Vec<Request>>,
    /// `None` when the scrape thread is gone.
    overview: Option<Overview>,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            snapshot: Mutex::new(snapshot(
                State::Primary,
                Lag {
                    bytes: Some(0),
                    time: Some(Duration::ZERO),
                    paused: false,
                },
            )),
            alive: AtomicBool::new(true),
            page: vec![
                Bytes::from_static(b"pg_up 1\n"),
                Bytes::new(),
                Bytes::from_static(b"pg_version 150018\n"),
            ],
            fresh: None,
            page_time: Duration::ZERO,
            asked: Mutex::default(),
            overview: Some(Overview::default()),
        }
    }
}

impl Backend for Told {
    fn health(&self) -> Snapshot {
        self.snapshot.lock().unwrap().clone()
    }

    fn is_alive(&self) -> bool {
        self.alive.load(Relaxed)
    }

    fn scrape_timeout(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn server(&self) -> &str {
        "db.example.com:5432/app"
    }

    async fn page(&self, request: Request) -> Result<Page, Gone> {
        let encoding = request.encoding;
        self.asked.lock().unwrap().push(request);
        tokio::time::sleep(self.page_time).await;
        if self.overview.is_some() {
            Ok(Page {
                chunks: match self.fresh {
                    Some(length) => vec![vec![b'x'; length].into()],
                    None => self.page.clone(),
                },
                encoding,
            })
        } else {
            Err(Gone)
        }
    }

    async fn overview(&self) -> Result<Overview, Gone> {
        self.overview.clone().ok_or(Gone)
    }
}

fn snapshot(state: State, lag: Lag) -> Snapshot {
    Snapshot {
        state,
        lag,
        at: Instant::now(),
        took: Duration::from_millis(1),
        reason: None,
    }
}

/// A server on a port of its own.
struct Server {
    address: SocketAddr,
    context: Arc<Context<Told>>,
    backend: Arc<Told>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    fn start(backend: Told) -> Self {
        Self::start_with(backend, Limits::default())
    }

    fn start_with(backend: Told, limits: Limits) -> Self {
        Self::start_under(Security::none().unwrap(), backend, limits)
    }

    fn start_under(security: Security, backend: Told, limits: Limits) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let targets = Targets::one(backend);
        let backend = Arc::clone(targets.now().iter().next().unwrap());
        let sources = Sources {
            base: COLLECTORS,
            ..Sources::default()
        };
        let context = Arc::new(Context {
            targets: Arc::new(targets),
            catalog: Arc::new(Catalog::open(sources).unwrap()),
            fleet: None,
            external_address: None,
            telemetry_path: "/metrics".to_owned(),
            disable_reload: false,
            telemetry: Arc::new(Telemetry::new().unwrap()),
            pages: Semaphore::new(limits.pages),
            pages_of_down: Semaphore::new(limits.pages / 2),
            people: Arc::new(Semaphore::new(1)),
            held: Arc::default(),
            excess: Arc::default(),
            per_peer: Arc::default(),
            handshakes: Turns::new(),
            busy: Turns::new(),
            manager: Manager::default(),
            security: Arc::new(security),
            limits,
        });
        let (stop, stopped) = oneshot::channel();
        let end = async move {
            let _ = stopped.await;
        };
        let task = tokio::task::spawn_local(serve(vec![listener.into()], Arc::clone(&context), end));
        Self {
            address,
            context,
            backend,
            stop: Some(stop),
            task,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A connection of a client of the address 127.0.0.`last`.
    async fn connect_from(&self, last: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// What such a client gets for a request, until the server closes.
    async fn get_from(&self, last: u8, path: &str) -> String {
        let mut stream = self.connect_from(last).await;
        let request = format!("GET {path} HTTP/1.0\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let (answer, _) = until_closed(&mut stream).await;
        String::from_utf8(answer).unwrap()
    }

    /// Sends the bytes and reads until the server closes.
    async fn raw(&self, request: &str) -> Response {
        let mut stream = self.connect().await;
        // A server that refuses a request in its middle resets the connection behind its answer.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await;
        assert!(read.is_ok(), "the server answers and closes");
        Response::parse(&bytes)
    }

    /// A request of HTTP/1.1 with more header lines, each ended by CRLF.
    async fn ask(&self, method: &str, path: &str, headers: &str) -> Response {
        self.raw(&format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n"
        ))
        .await
    }

    async fn get(&self, path: &str) -> Response {
        self.ask("GET", path, "").await
    }

    fn set(&self, state: State, lag: Lag) {
        *self.backend.snapshot.lock().unwrap() = snapshot(state, lag);
    }

    fn counted(&self) -> String {
        let mut page = Writer::new("pg", &[]);
        self.context.telemetry.write(&mut page);
        String::from_utf8(page.finish().to_vec()).unwrap()
    }
}

/// Reads until the server closes, in whichever way; the bytes and what it took.
async fn until_closed(stream: &mut (impl AsyncRead + Unpin)) -> (Vec<u8>, Duration) {
    let started = Instant::now();
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await;
    assert!(read.is_ok(), "the server closes");
    (bytes, started.elapsed())
}

/// An answer as it came over the wire.
#[derive(Debug)]
struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Response {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(bytes)));
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        let headers = headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Self {
            status,
            headers,
            body: bytes[end + 4..].to_vec(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} twice in {self:?}");
        value
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}
