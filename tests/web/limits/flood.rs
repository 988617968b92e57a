//! Floods of one client without a password, over TLS: whoever asks for `/primary` beside them is answered, the client itself and
//! another one, and what they make the server hold stays small.
//!
//! Figures are of whichever build `PG_EXPORTER_TESTED` names, of the tests' own without it.

mod kinds;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::Exporter;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{LocalSet, spawn_local};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use self::kinds::{KINDS, Kind};
use crate::support::{Folder, SOON, on_server, turn};

/// Memory that all clients together may make the server hold.
const MEMORY: u64 = 64 << 20;

/// How long each flood lasts, and of how many connections it is. An unoptimized build is ten times slower, and the machine may
/// have other things to do: there it is about answers and memory alone.
fn floods() -> (Duration, &'static [usize]) {
    match std::env::var_os("PG_EXPORTER_TESTED") {
        Some(_) => (Duration::from_secs(4), &[64, 256]),
        None => (Duration::from_millis(1500), &[24]),
    }
}

/// The program behind TLS, and who trusts it.
struct Site {
    exporter: Exporter,
    certificate: CertificateDer<'static>,
    _folder: Folder,
}

impl Site {
    fn start() -> Self {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let folder = Folder::new();
        let path = folder.at("web.yml");
        let indented = |pem: String| -> String { pem.lines().map(|line| format!("    {line}\n")).collect() };
        let text = format!(
            "tls_server_config:\n  cert: |\n{}  key: |\n{}",
            indented(pair.cert.pem()),
            indented(pair.signing_key.serialize_pem())
        );
        std::fs::write(&path, text).unwrap();
        let exporter = on_server().arg("--web.config.file").arg(&path);
        Self {
            exporter: exporter.start(),
            certificate: pair.cert.der().clone(),
            _folder: folder,
        }
    }

    fn client(&self, address: Ipv4Addr, protocol: &'static str) -> Client {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        Client {
            address,
            port: self.exporter.port(),
            connector: TlsConnector::from(Arc::new(config)),
        }
    }
}

#[derive(Clone)]
struct Client {
    /// Where it connects from.
    address: Ipv4Addr,
    port: u16,
    connector: TlsConnector,
}

impl Client {
    async fn reach(&self) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((self.address, 0).into())?;
        socket.connect((Ipv4Addr::LOCALHOST, self.port).into()).await
    }

    async fn connect(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = self.reach().await?;
        stream.set_nodelay(true)?;
        self.connector
            .connect("localhost".try_into().unwrap(), stream)
            .await
    }

    /// One connection of a flood, to its end.
    async fn attack(&self, kind: Kind, sent: &AtomicU64) -> std::io::Result<()> {
        if kind == Kind::HalfHandshakes {
            let mut stream = self.reach().await?;
            stream.write_all(&[0x16, 3, 1, 2, 0, 1, 0]).await?;
            stream.write_all(&[0; 200]).await?;
            sent.fetch_add(207, Ordering::Relaxed);
            let _ = stream.read(&mut [0; 64]).await?;
            return Ok(());
        }
        if kind == Kind::Plain {
            let mut stream = self.reach().await?;
            stream.write_all(b"GET /primary HTTP/1.1\r\n").await?;
            loop {
                stream.write_all(&[b'x'; 16_384]).await?;
                sent.fetch_add(16_384, Ordering::Relaxed);
            }
        }
        let mut stream = self.connect().await?;
        if kind == Kind::Handshakes {
            sent.fetch_add(1000, Ordering::Relaxed);
            return Ok(());
        }
        if kind == Kind::Visits {
            sent.fetch_add(1000, Ordering::Relaxed);
            return ask(&mut stream).await.map(drop);
        }
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await?;
        stream.write_all(&kind.settings()).await?;
        let (mut read, mut write) = tokio::io::split(stream);
        let write = async {
            let mut number = 1;
            loop {
                let (bytes, streams) = kind.piece(number);
                number += 2 * streams;
                write.write_all(&bytes).await?;
                sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        };
        let read = async {
            let mut sink = vec![0; 16_384];
            while kind.reads() {
                if read.read(&mut sink).await? == 0 {
                    return Ok(());
                }
            }
            std::future::pending().await
        };
        tokio::select! {
            end = read => end,
            end = write => end,
        }
    }
}

/// Asks once, for an answer that ends with the connection.
async fn ask(stream: &mut TlsStream<TcpStream>) -> std::io::Result<Vec<u8>> {
    stream.write_all(b"GET /primary HTTP/1.0\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// As many connections as wanted, each begun anew when it ends, until a time.
fn flood(client: &Client, kind: Kind, connections: usize, until: Instant, sent: &Arc<AtomicU64>) {
    LocalSet::new().block_on(&runtime(), async {
        for _ in 0..connections {
            let (client, sent) = (client.clone(), Arc::clone(sent));
            spawn_local(async move {
                loop {
                    let _ = client.attack(kind, &sent).await;
                    tokio::task::yield_now().await;
                }
            });
        }
        tokio::time::sleep_until(until.into()).await;
    });
}

/// What `/primary` takes, each time; every answer is 200.
fn probe(client: &Client, is_kept: bool, until: Instant) -> Vec<Duration> {
    runtime().block_on(async {
        let mut times = Vec::new();
        let mut kept = None;
        while Instant::now() < until {
            let asked = Instant::now();
            let mut stream = match kept.take() {
                Some(stream) => stream,
                None => client.connect().await.unwrap(),
            };
            // The first one of a kept connection pays for the handshake.
            let is_first = is_kept && times.is_empty();
            stream
                .write_all(b"GET /primary HTTP/1.1\r\nHost: x\r\n\r\n")
                .await
                .unwrap();
            let mut answer = [0; 1024];
            let length = stream.read(&mut answer).await.unwrap();
            let text = String::from_utf8_lossy(&answer[..length]);
            assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
            times.push(if is_first { Duration::ZERO } else { asked.elapsed() });
            if is_kept {
                kept = Some(stream);
            }
            tokio::time::sleep(Duration::from_millis(if is_kept { 3 } else { 20 })).await;
        }
        times.sort_unstable();
        times
    })
}

fn percentile(times: &[Duration], part: f64) -> Duration {
    let place = (times.len() as f64 * part) as usize;
    times[place.min(times.len() - 1)]
}

/// The client that floods, and one that does not.
const FLOODING: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const ANOTHER: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// A flood of a kind, and what `/primary` took beside it.
fn measure(site: &Site, kind: Kind, connections: usize, time: Duration) {
    let (sent, until) = (Arc::<AtomicU64>::default(), Instant::now() + time);
    let attacker = site.client(FLOODING, kind.protocol());
    let probers = [
        (FLOODING, true),
        (FLOODING, false),
        (ANOTHER, true),
        (ANOTHER, false),
    ];
    let times: Vec<_> = thread::scope(|scope| {
        scope.spawn(|| flood(&attacker, kind, connections, until, &sent));
        let probe = |(address, is_kept)| {
            let prober = site.client(address, "http/1.1");
            scope.spawn(move || probe(&prober, is_kept, until))
        };
        let probes: Vec<_> = probers.into_iter().map(probe).collect();
        probes.into_iter().map(|probe| probe.join().unwrap()).collect()
    });
    let rate = sent.load(Ordering::Relaxed) as f64 / time.as_secs_f64() / 1e6;
    let (now, peak) = (site.exporter.rss() >> 20, site.exporter.peak_rss() >> 20);
    let told = probers.iter().zip(&times).map(|((address, is_kept), times)| {
        let [p50, p99, most] = [0.5, 0.99, 1.0].map(|part| percentile(times, part));
        let how = if *is_kept { "kept" } else { "new" };
        let who = if *address == FLOODING {
            "its own"
        } else {
            "another's"
        };
        format!("{who} {how} {p50:.1?}, {p99:.1?}, {most:.1?} of {}", times.len())
    });
    let told: Vec<_> = told.collect();
    eprintln!(
        "{connections:>4} connections, {kind:?}: {rate:.1} MB/s; /primary p50, p99, longest: {}; memory {now} MiB, peak {peak} MiB",
        told.join("; "),
    );
}

#[test]
fn floods_of_one_client_leave_health_and_memory_alone() {
    let _turn = turn();
    let site = Site::start();
    let prober = site.client(ANOTHER, "http/1.1");
    pg_exporter_lab::wait_until("/primary answers 200", SOON, || {
        runtime().block_on(async {
            let mut stream = prober.connect().await.unwrap();
            ask(&mut stream).await.unwrap().starts_with(b"HTTP/1.0 200")
        })
    });
    let only = std::env::var("PG_EXPORTER_FLOOD").unwrap_or_default();
    let idle = site.exporter.peak_rss();
    let (time, counts) = floods();
    for kind in KINDS {
        if !format!("{kind:?}").contains(&only) {
            continue;
        }
        for connections in counts {
            measure(&site, kind, *connections, time);
        }
    }
    let grown = site.exporter.peak_rss().saturating_sub(idle);
    assert!(grown < MEMORY, "{} MiB more than before", grown >> 20);
    // Each cut connection is worth a line a minute, not one each.
    let log = site.exporter.final_log();
    assert!(log.lines().count() < 60, "{log}");
    assert!(!log.contains("panicked"), "{log}");
}
