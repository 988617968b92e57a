//! Clients that do not take what they asked for, and clients that have said all.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use pg_exporter_lab::wait_until;
use socket2::{Domain, Socket, Type};

use crate::support::{Folder, SOON, on_server, turn};

/// A page of some 10 MB, anew at each scrape.
const LARGE: &str = "large:
  query: SELECT 'a label that makes the series of this page long enough, number ' || i::text AS name, i AS value FROM pg_catalog.generate_series(1, 100000) AS i
  tags: [cluster]
  timeout: -1
  metrics:
    - name: { usage: LABEL, description: Name. }
    - value: { usage: GAUGE, description: Value. }
";

/// A client that asks and reads nothing.
fn deaf(port: u16) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    // A small window, so that the server has to keep what it has to say.
    socket.set_recv_buffer_size(4096).unwrap();
    let address: SocketAddr = ([127, 0, 0, 1], port).into();
    socket.connect(&address.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    stream
}

#[test]
fn slow_readers_of_a_large_page() {
    let _turn = turn();
    let folder = Folder::new();
    let path = folder.at("large.yml");
    std::fs::write(&path, LARGE).unwrap();
    let exporter = on_server()
        .args(["--no-builtin", "--scrape-timeout=60s", "--config"])
        .arg(&path)
        .start();
    exporter.wait_for_status("/primary", 200, SOON);
    let length = exporter.get("/metrics").body.len();
    assert!(length > 8 << 20, "{length}");
    let before = exporter.peak_rss();
    let mut clients = Vec::new();
    let mut slowest = Duration::ZERO;
    for number in 0..256 {
        clients.push(deaf(exporter.port()));
        if number % 8 == 0 {
            let begun = Instant::now();
            assert_eq!(exporter.get("/primary").status, 200);
            slowest = slowest.max(begun.elapsed());
            std::thread::sleep(Duration::from_millis(300));
        }
    }
    let mut refused = 0;
    wait_until("pages are refused", 3 * SOON, || {
        assert_eq!(exporter.get("/primary").status, 200);
        let answer = exporter.get("/metrics");
        refused += usize::from(answer.status == 503 && answer.header("retry-after") == Some("1"));
        refused > 0
    });
    let grown = exporter.peak_rss().saturating_sub(before) >> 20;
    eprintln!("256 slow readers: {grown} MiB more at most, /primary at most {slowest:?}");
    // 24 MiB and a page for them, a page in the making, what an allocator does not give back.
    assert!(grown < 200, "{grown} MiB");
    drop(clients);
    wait_until("there is a page for one who reads", 3 * SOON, || {
        exporter.get("/metrics").status == 200
    });
}

#[test]
fn who_ends_its_side_is_answered() {
    let exporter = on_server().start();
    exporter.wait_for_status("/primary", 200, SOON);
    for path in [
        "/metrics",
        "/primary",
        "/explain",
        "/stat",
        "/",
        "/version",
        "/reload?dry_run=1",
    ] {
        for head in [
            "HTTP/1.0\r\n\r\n",
            "HTTP/1.1\r\nHost: x\r\n\r\n",
            "HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        ] {
            let mut stream = TcpStream::connect(("127.0.0.1", exporter.port())).unwrap();
            stream.set_read_timeout(Some(SOON)).unwrap();
            stream.write_all(format!("GET {path} {head}").as_bytes()).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.contains(" 200 OK\r\n"), "{path} {head:?}: {answer:?}");
            let (_, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(!body.is_empty(), "{path} {head:?}");
        }
    }
}
