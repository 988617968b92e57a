//! TLS and HTTP/2 with clients that misbehave: each costs its socket, for as long as one of HTTP/1 would.

use std::sync::atomic::AtomicU32;

use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::*;
use crate::files::Files;

/// Far enough from each other that a busy machine does not confuse them.
pub(super) fn limits() -> Limits {
    Limits {
        connections: 4,
        handshake: Duration::from_millis(500),
        head: Duration::from_millis(500),
        write: Duration::from_secs(2),
        idle: Duration::from_secs(4),
        ..Limits::default()
    }
}

/// A server with a certificate of its own, and who trusts it.
pub(super) struct Secured {
    server: Server,
    certificate: CertificateDer<'static>,
}

impl Secured {
    pub(super) fn start(page: Vec<Bytes>) -> Self {
        Self::start_with(Told {
            page,
            ..Told::default()
        })
    }

    pub(super) fn start_with(backend: Told) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let name = format!(
            "pg_exporter-tls-{}-{}.yml",
            std::process::id(),
            NUMBER.fetch_add(1, Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        let indented = |pem: String| {
            pem.lines()
                .map(|line| format!("    {line}\n"))
                .collect::<String>()
        };
        let text = format!(
            "tls_server_config:\n  cert: |\n{}  key: |\n{}",
            indented(pair.cert.pem()),
            indented(pair.signing_key.serialize_pem())
        );
        std::fs::write(&path, text).unwrap();
        let security = Security::open(&path, &Files::default()).unwrap();
        std::fs::remove_file(&path).unwrap();
        Self {
            server: Server::start_under(security, backend, limits()),
            certificate: pair.cert.der().clone(),
        }
    }

    pub(super) async fn connect(&self, protocol: &str) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let name = "localhost".try_into().unwrap();
        let stream = self.server.connect().await;
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .unwrap()
    }

    /// A connection that speaks HTTP/2 so far.
    pub(super) async fn connect_http2(&self) -> TlsStream<TcpStream> {
        let mut stream = self.connect("h2").await;
        stream
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .await
            .unwrap();
        stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
        stream
    }

    /// Other clients do not notice.
    pub(super) async fn serves(&self) {
        let mut stream = self.connect("http/1.1").await;
        stream.write_all(b"GET /up HTTP/1.0\r\n\r\n").await.unwrap();
        let (bytes, _) = until_closed(&mut stream).await;
        assert_eq!(Response::parse(&bytes).status, 200);
    }
}

pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const CONTINUATION: u8 = 9;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The fields of a GET: method and scheme by their numbers, path and authority as text.
pub(super) fn get(path: &str) -> Vec<u8> {
    let mut fields = vec![0x82, 0x87, 0x04, u8::try_from(path.len()).unwrap()];
    fields.extend(path.as_bytes());
    fields.extend([0x01, 1, b'x']);
    fields
}

pub(super) fn request(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &get(path))
}

/// The kinds of the frames that came.
pub(super) fn kinds(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while bytes.len() >= 9 {
        let length = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]) as usize;
        kinds.push(bytes[3]);
        bytes = bytes.get(9 + length..).unwrap_or_default();
    }
    kinds
}

/// That it takes no less, and that it is not one of the longer limits.
fn about(time: Duration, expected: Duration) -> bool {
    time >= expected - Duration::from_millis(100) && time < expected + Duration::from_millis(1400)
}

#[tokio::test(flavor = "local")]
async fn a_silent_or_slow_handshake_is_cut_off() {
    let secured = Secured::start(Vec::new());
    let (bytes, time) = until_closed(&mut secured.server.connect().await).await;
    assert!(bytes.is_empty() && about(time, limits().handshake), "{time:?}");
    let mut stream = secured.server.connect().await;
    let started = Instant::now();
    for byte in [0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3].into_iter().cycle() {
        if stream.write_all(&[byte]).await.is_err()
            || stream.try_read(&mut [0; 8]).is_ok_and(|read| read == 0)
        {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    secured.serves().await;
}

#[tokio::test(flavor = "local")]
async fn handshakes_count_as_connections() {
    let secured = Secured::start(Vec::new());
    let mut silent = Vec::new();
    for _ in 0..limits().connections * 3 {
        silent.push(secured.server.connect().await);
    }
    // Those that wait longest make room.
    secured.serves().await;
}

#[tokio::test(flavor = "local")]
async fn above_the_cap_of_busy_connections_clients_are_cut_off() {
    let secured = Secured::start_with(Told {
        page_time: Duration::from_millis(800),
        ..Told::default()
    });
    let mut busy = Vec::new();
    for _ in 0..limits().connections {
        let mut stream = secured.connect("http/1.1").await;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
        busy.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (bytes, time) = until_closed(&mut secured.server.connect().await).await;
    assert!(
        bytes.is_empty(),
        "nothing that no client of TLS understands: {bytes:?}"
    );
    assert!(time < limits().handshake, "{time:?}");
    for mut stream in busy {
        let (bytes, _) = until_closed(&mut stream).await;
        assert_eq!(Response::parse(&bytes).status, 200);
    }
}

#[tokio::test(flavor = "local")]
async fn a_silent_connection_is_cut_off_whichever_protocol_it_chose() {
    let secured = Secured::start(Vec::new());
    let mut stream = secured.connect("http/1.1").await;
    let (_, time) = until_closed(&mut stream).await;
    assert!(about(time, limits().head), "{time:?}");
    let mut stream = secured.connect_http2().await;
    let (_, time) = until_closed(&mut stream).await;
    assert!(about(time, limits().head), "{time:?}");
}

#[tokio::test(flavor = "local")]
async fn pings_keep_no_connection_open() {
    let secured = Secured::start(Vec::new());
    let mut stream = secured.connect_http2().await;
    stream.write_all(&request(1, "/up")).await.unwrap();
    let (mut read, mut write) = tokio::io::split(stream);
    let pings = tokio::spawn(async move {
        while write.write_all(&frame(PING, 0, 0, &[0; 8])).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let (bytes, time) = until_closed(&mut read).await;
    pings.abort();
    let kinds = kinds(&bytes);
    assert!(kinds.contains(&HEADERS), "the request was answered: {kinds:?}");
    assert!(
        kinds.iter().filter(|kind| **kind == PING).count() > 3,
        "and pings: {kinds:?}"
    );
    assert!(about(time, limits().idle), "{time:?}");
}

#[tokio::test(flavor = "local")]
async fn an_answer_that_is_not_taken_is_given_up() {
    let secured = Secured::start(vec![Bytes::from(vec![b'x'; 1 << 20]); 64]);
    // No more than the window that every stream begins with.
    let mut stream = secured.connect_http2().await;
    stream.write_all(&request(1, "/metrics")).await.unwrap();
    let (bytes, time) = until_closed(&mut stream).await;
    assert!(bytes.len() >= 60_000 && bytes.len() < 1 << 20, "{}", bytes.len());
    assert!(about(time, limits().write), "{time:?}");

    // Whatever is asked meanwhile.
    let mut stream = secured.connect_http2().await;
    stream.write_all(&request(1, "/metrics")).await.unwrap();
    let (mut read, mut write) = tokio::io::split(stream);
    let ask = async {
        for number in 1.. {
            tokio::time::sleep(limits().write / 5).await;
            let _ = write.write_all(&request(2 * number + 1, "/up")).await;
        }
    };
    let (_, time) = tokio::select! {
        () = ask => unreachable!(),
        end = until_closed(&mut read) => end,
    };
    assert!(about(time, limits().write), "{time:?}");

    let mut stream = secured.connect("http/1.1").await;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
    tokio::time::sleep(limits().write + Duration::from_millis(1400)).await;
    assert!(
        secured
            .server
            .counted()
            .contains("pg_exporter_http_connections 0\n")
    );
}

#[tokio::test(flavor = "local")]
async fn a_running_answer_is_finished_at_the_end() {
    let mut secured = Secured::start(Vec::new());
    let mut stream = secured.connect_http2().await;
    stream.write_all(&request(1, "/up")).await.unwrap();
    let mut some = [0; 64];
    let _ = stream.read(&mut some).await.unwrap();
    secured.server.stop.take().unwrap().send(()).unwrap();
    let (_, time) = until_closed(&mut stream).await;
    assert!(time < limits().drain, "{time:?}");
}
