//! Clients that take their time.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::{Exporter, wait_until};
use socket2::{Domain, Socket, Type};

use crate::support::{SOON, on_server};

/// Sends the beginning at once, the rest byte by byte, until the server closes: what it said, and when.
fn trickle(exporter: &Exporter, beginning: &str, rest: &str) -> (Vec<u8>, f64) {
    let mut stream = TcpStream::connect(("127.0.0.1", exporter.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let begun = Instant::now();
    stream.write_all(beginning.as_bytes()).unwrap();
    let (mut rest, mut answer, mut piece) = (rest.bytes(), Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(&piece[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
        assert!(begun.elapsed() < SOON, "{beginning:?} keeps its connection");
        if let Some(byte) = rest.next() {
            let _ = stream.write_all(&[byte]);
        }
    }
    (answer, begun.elapsed().as_secs_f64())
}

/// The bounds of the contract: 5 s for a head, however often a byte of it comes, 10 s for the rest of a request.
#[test]
fn a_request_has_its_time() {
    let exporter = on_server().start();
    exporter.wait_for_status("/primary", 200, SOON);
    let long = "X".repeat(1_000);
    let body = "POST /reload HTTP/1.1\r\nHost: x\r\n";
    let table = [
        ("", "", 5.0, ""),
        ("", long.as_str(), 5.0, ""),
        ("GET /up HTTP/1.1\r\nHost: x\r\nX: ", &long, 5.0, ""),
        (
            &format!("{body}Content-Length: 9000\r\n\r\n"),
            &long,
            10.0,
            "HTTP/1.1 408 ",
        ),
        (
            &format!("{body}Content-Length: 9000\r\n\r\n"),
            "",
            10.0,
            "HTTP/1.1 408 ",
        ),
        (
            &format!("{body}Transfer-Encoding: chunked\r\n\r\n"),
            &long.replace('X', "0"),
            10.0,
            "HTTP/1.1 4",
        ),
    ];
    thread::scope(|scope| {
        for (beginning, rest, time, expected) in table {
            let exporter = &exporter;
            scope.spawn(move || {
                let (answer, took) = trickle(exporter, beginning, rest);
                let answer = String::from_utf8(answer).unwrap();
                assert!(answer.starts_with(expected), "{beginning:?}: {answer:?}");
                assert_eq!(
                    answer.is_empty(),
                    expected.is_empty(),
                    "{beginning:?}: {answer:?}"
                );
                // A broken body need not be awaited to its end.
                let least = if expected.ends_with('4') { 0.0 } else { time - 0.1 };
                assert!((least..time + 4.0).contains(&took), "{beginning:?}: {took} s");
            });
        }
        // Meanwhile everybody else is served.
        for _ in 0..100 {
            assert_eq!(exporter.get("/primary").status, 200);
            thread::sleep(Duration::from_millis(50));
        }
    });
    let log = exporter.final_log();
    assert!(!log.contains("reload"), "half a request reloads nothing: {log}");
}

/// Clients that ask for pages and read none of them: their connections are used for others when there are no more.
#[test]
fn clients_that_do_not_read_keep_nobody_out() {
    let exporter = on_server().start();
    exporter.wait_for_status("/primary", 200, SOON);
    let _ = exporter.scrape();
    let request = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(20);
    let clients: Vec<TcpStream> = (0..600)
        .map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            // A small window, so that the server has to keep what it has to say.
            socket.set_recv_buffer_size(4096).unwrap();
            let address: SocketAddr = ([127, 0, 0, 1], exporter.port()).into();
            socket.connect(&address.into()).unwrap();
            let mut stream = TcpStream::from(socket);
            stream.write_all(request.as_bytes()).unwrap();
            stream
        })
        .collect();
    for _ in 0..50 {
        assert_eq!(exporter.get("/primary").status, 200);
        thread::sleep(Duration::from_millis(20));
    }
    wait_until("there is a page for one who reads", SOON, || {
        exporter.get("/metrics").status == 200
    });
    drop(clients);
}
