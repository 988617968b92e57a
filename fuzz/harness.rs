//! Drives the web server with a client's bytes through memory, and judges what comes back. Shared by the fuzz target and
//! the property test of the suite (`tests/web/limits/random.rs`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use pg_exporter::catalog::compiled::COLLECTORS;
use pg_exporter::catalog::{Catalog, Sources};
use pg_exporter::fleet::Targets;
use pg_exporter::health::{Lag, Snapshot, State};
use pg_exporter::scrape::{Gone, Overview, Page, Request};
use pg_exporter::self_metrics::Telemetry;
use pg_exporter::service::Manager;
use pg_exporter::web::{Backend, Context, Limits, Security, Turns, serve_connection};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::{LocalOptions, LocalRuntime};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Bytes that either end may have sent before the other reads: the server has no more of a client in this memory.
const WINDOW: usize = 64 * 1024;

/// A target whose pages are there at once.
struct Still;

impl Backend for Still {
    fn health(&self) -> Snapshot {
        Snapshot {
            state: State::Primary,
            lag: Lag::default(),
            at: Instant::now(),
            took: Duration::ZERO,
            reason: None,
        }
    }

    fn is_alive(&self) -> bool {
        true
    }

    fn scrape_timeout(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn server(&self) -> &str {
        "127.0.0.1:5432/postgres"
    }

    async fn page(&self, _: Request) -> Result<Page, Gone> {
        Ok(Page {
            chunks: vec!["pg_up 1\n".into()],
            ..Page::default()
        })
    }

    async fn overview(&self) -> Result<Overview, Gone> {
        Ok(Overview::default())
    }
}

/// The server and a runtime.
pub struct Harness {
    runtime: LocalRuntime,
    context: Arc<Context<Still>>,
}

impl Harness {
    /// Makes both.
    pub fn new() -> Self {
        let sources = Sources {
            base: COLLECTORS,
            ..Sources::default()
        };
        let context = Context {
            targets: Arc::new(Targets::one(Still)),
            catalog: Arc::new(Catalog::open(sources).unwrap()),
            fleet: None,
            external_address: None,
            telemetry_path: "/metrics".to_owned(),
            // It would read files anew for each input.
            disable_reload: true,
            telemetry: Arc::new(Telemetry::new().unwrap()),
            pages: Semaphore::new(1),
            pages_of_down: Semaphore::new(1),
            people: Arc::new(Semaphore::new(1)),
            held: Arc::default(),
            excess: Arc::default(),
            per_peer: Arc::default(),
            handshakes: Turns::new(),
            busy: Turns::new(),
            manager: Manager::default(),
            security: Arc::new(Security::none().unwrap()),
            limits: Limits::default(),
        };
        Self {
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build_local(LocalOptions::default())
                .unwrap(),
            context: Arc::new(context),
        }
    }

    /// Sends bytes in pieces of a size, then ends, and returns all that came back. The server must end, too.
    pub fn answer(&self, bytes: &[u8], piece: usize) -> Vec<u8> {
        self.runtime.block_on(async {
            let (client, server) = duplex(WINDOW);
            let (mut read, mut write) = tokio::io::split(client);
            let served = tokio::task::spawn_local(serve_connection(server, Arc::clone(&self.context)));
            let send = async {
                for piece in bytes.chunks(piece.max(1)) {
                    if write.write_all(piece).await.is_err() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                let _ = write.shutdown().await;
            };
            let mut answer = Vec::new();
            let receive = read.read_to_end(&mut answer);
            let all = async {
                let ((), received) = tokio::join!(send, receive);
                received.unwrap();
                // A panic in the server is one here.
                served.await.unwrap();
            };
            // A client that has ended keeps nothing open.
            timeout(Duration::from_secs(10), all).await.unwrap();
            answer
        })
    }

    /// Sends bytes and judges what comes back: nothing, or answers, each of them whole.
    pub fn check(&self, bytes: &[u8], piece: usize) {
        let answer = self.answer(bytes, piece);
        let judged = judge(&answer);
        let shown = || String::from_utf8_lossy(&answer);
        judged.unwrap_or_else(|what| panic!("{what} in an answer to {:?}: {:?}", bytes, shown()));
    }
}

/// The statuses of answers that are well formed, one behind the other.
pub fn judge(mut rest: &[u8]) -> Result<Vec<u16>, &'static str> {
    let mut statuses = Vec::new();
    while !rest.is_empty() {
        let end = rest.windows(4).position(|four| four == b"\r\n\r\n");
        let (head, body) = rest.split_at(end.ok_or("no end of a head")? + 4);
        let head = std::str::from_utf8(head).map_err(|_| "a head that is no text")?;
        let mut lines = head.trim_end_matches("\r\n").split("\r\n");
        let status = status(lines.next().unwrap_or_default()).ok_or("no status line")?;
        let mut length = None;
        for line in lines {
            let (name, value) = line.split_once(": ").ok_or("a header without a value")?;
            let is_token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            if name.is_empty() || !name.bytes().all(is_token) || value.bytes().any(|byte| byte < b' ') {
                return Err("a header that is not one");
            }
            if name == "content-length" {
                length = Some(value.parse::<usize>().map_err(|_| "a length that is no number")?);
            }
        }
        // The body of an answer to HEAD is left out. None of ours begins as an answer does.
        let is_left_out = body.is_empty() || body.starts_with(b"HTTP/1.");
        let length = match length {
            _ if status == 100 || is_left_out => 0,
            Some(length) => length,
            None => return Err("no length"),
        };
        rest = body.get(length..).ok_or("a body that is cut off")?;
        statuses.push(status);
    }
    Ok(statuses)
}

fn status(line: &str) -> Option<u16> {
    let rest = line.strip_prefix("HTTP/1.")?;
    let (status, reason) = rest
        .strip_prefix(['0', '1'])?
        .strip_prefix(' ')?
        .split_once(' ')?;
    let known = status.len() == 3 && !reason.is_empty();
    status
        .parse()
        .ok()
        .filter(|status| known && (100..600).contains(status))
}
