//! A table of raw requests with expected answers.
//!
//! Every request is followed, in the same write, by a second and innocent one. Which of the two are answered tells how
//! the server sees where the first one ends: after one that is refused nothing may be taken for a request.

mod bodies;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::OnceLock;

use pg_exporter_lab::{Exporter, HEALTH_PATHS};

use crate::support::{SOON, on_server};

/// The second request. It ends the connection.
const NEXT: &str = "GET /liveness HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

fn exporter() -> &'static Exporter {
    static EXPORTER: OnceLock<Exporter> = OnceLock::new();
    EXPORTER.get_or_init(|| {
        let exporter = on_server().start();
        exporter.wait_for_status("/primary", 200, SOON);
        exporter
    })
}

/// Sends bytes and reads until the server closes. It may close, with an answer, before it has all of them.
fn exchange(bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", exporter().port())).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let mut reader = stream.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        let mut answer = Vec::new();
        reader.read_to_end(&mut answer).map(|_| answer)
    });
    let _ = stream.write_all(bytes);
    let answer = reading.join().unwrap();
    answer.unwrap_or_else(|error| panic!("{error} after {:?}", shown(bytes)))
}

fn shown(bytes: &[u8]) -> String {
    let start = bytes.get(..bytes.len().min(120)).unwrap();
    String::from_utf8_lossy(start).into_owned()
}

/// The status of each answer in turn.
fn statuses(mut rest: &[u8], without_body: bool) -> Vec<u16> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let end = rest.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head in {:?}", shown(rest))) + 4;
        let head = std::str::from_utf8(&rest[..end]).unwrap();
        let status: u16 = head.strip_prefix("HTTP/1.").unwrap()[2..5].parse().unwrap();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        let has_body = status != 100 && !(without_body && found.is_empty());
        rest = &rest[end + if has_body { length } else { 0 }..];
        found.push(status);
    }
    found
}

#[track_caller]
fn check(request: &[u8], expected: &[u16]) {
    let bytes = [request, NEXT.as_bytes()].concat();
    let answer = exchange(&bytes);
    let found = statuses(&answer, request.starts_with(b"HEAD"));
    assert_eq!(found, expected, "{:?}", shown(request));
}

#[track_caller]
fn check_all<'a>(table: impl IntoIterator<Item = (&'a str, &'a [u16])>) {
    for (request, expected) in table {
        check(request.as_bytes(), expected);
    }
}

/// Answered, and so is the request behind it.
const OK: &[u16] = &[200, 200];
/// Refused, and the connection is closed.
const BAD: &[u16] = &[400];

#[test]
fn request_lines() {
    check_all([
        ("GET /up HTTP/1.1\r\nHost: x\r\n\r\n", OK),
        ("HEAD /up HTTP/1.1\r\nHost: x\r\n\r\n", OK),
        // A blank line before a request is that of a client that ends its bodies with one.
        ("\r\nGET /up HTTP/1.1\r\nHost: x\r\n\r\n", OK),
        ("GET /up HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &[200]),
        (
            "GET /up HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, close\r\n\r\n",
            &[200],
        ),
        // HTTP/1.0, as load balancers speak it: one request.
        ("GET /up HTTP/1.0\r\n\r\n", &[200]),
        ("OPTIONS / HTTP/1.0\r\n\r\n", &[200]),
        ("GET /up HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", OK),
        // HTTP/0.9, HTTP/2 without TLS (whose clients would not understand an answer), and what there never was.
        ("GET /up\r\n", BAD),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[]),
        ("GET /up HTTP/1.2\r\nHost: x\r\n\r\n", BAD),
        ("GET /up HTTP/2\r\nHost: x\r\n\r\n", BAD),
        ("GET /up http/1.1\r\nHost: x\r\n\r\n", BAD),
        ("GET /up HTTP/1.1 \r\nHost: x\r\n\r\n", BAD),
        ("GET  /up HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
        ("GET\t/up HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
        (" GET /up HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
        ("GET /u p HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
        ("G@T /up HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
        ("what is this\r\n\r\n", BAD),
        ("\x16\x03\x01\x02\x00\x01\x00\x01", BAD),
    ]);
}

#[test]
fn methods() {
    for method in [
        "POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "BREW", "get",
    ] {
        let request = |path: &str| format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        check(request("/up").as_bytes(), &[405, 200]);
        check(request("/nothing").as_bytes(), &[404, 200]);
    }
    check_all([
        ("OPTIONS /up HTTP/1.1\r\nHost: x\r\n\r\n", OK),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", OK),
        ("GET * HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
        ("CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", &[501]),
        ("CONNECT /up HTTP/1.1\r\nHost: x\r\n\r\n", &[501]),
    ]);
}

/// As GET, without the body: with its length, since it is the same head.
#[test]
fn head_on_every_page() {
    let others = [
        "/",
        "/metrics",
        "/explain",
        "/explain?format=json",
        "/stat",
        "/stat?format=json",
        "/version",
        "/nothing",
        "/replica?lag=x",
    ];
    for path in HEALTH_PATHS.map(|(path, _)| path).into_iter().chain(others) {
        let ask = |method: &str| {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            let answer = String::from_utf8(exchange(request.as_bytes())).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            (head.to_owned(), body.to_owned())
        };
        let ((get, body), (head, nothing)) = (ask("GET"), ask("HEAD"));
        assert_eq!(nothing, "", "{path}");
        assert_eq!(get.lines().next(), head.lines().next(), "{path}");
        let names = |head: &str| -> Vec<String> {
            head.lines()
                .skip(1)
                .map(|line| line.split(':').next().unwrap().to_owned())
                .collect()
        };
        assert_eq!(names(&get), names(&head), "{path}");
        assert!(
            get.contains(&format!("content-length: {}", body.len())),
            "{path}: {get}"
        );
    }
}

#[test]
fn targets() {
    check_all([
        // A URL of this server, as proxies send it; which host it names is not asked.
        ("GET http://x/up HTTP/1.1\r\nHost: x\r\n\r\n", OK),
        ("GET http://y:80/up HTTP/1.1\r\nHost: x\r\n\r\n", OK),
        ("GET HTTPS://x/up HTTP/1.1\r\nHost: x\r\n\r\n", OK),
        ("GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", OK),
        ("GET ftp://x/up HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
        ("GET file:///up HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
        ("GET x:80 HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
        ("GET up HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
        ("GET /up\0 HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
        ("GET /up\x7f HTTP/1.1\r\nHost: x\r\n\r\n", BAD),
        ("GET /é HTTP/1.1\r\nHost: x\r\n\r\n", &[404, 200]),
    ]);
    check(b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", BAD);
    check(b"GET /up?\xc3\x28 HTTP/1.1\r\nHost: x\r\n\r\n", BAD);
}

/// A path has one spelling. The query may be anything; a fragment, which clients do not send, is not looked at.
#[test]
fn paths() {
    for path in [
        "//metrics",
        "/./metrics",
        "/x/../metrics",
        "/..",
        "/../metrics",
        "/%2e/metrics",
        "/%6detrics",
        "/METRICS",
        "/metrics/",
        "/metrics//",
        "/metrics/.",
        "/metrics%2f",
        "/%2fmetrics",
        "/metrics%00",
        "/metrics%20",
        "/metrics;x",
        "/metrics\\",
        "/metrics%zz",
        "/up/x",
        "/%72eload",
        "/etc/passwd",
    ] {
        check(
            format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes(),
            &[404, 200],
        );
    }
    for path in [
        "/up?",
        "/up?x",
        "/up?x=%00&y=%zz",
        "/up?/../metrics",
        "/up?a?b",
        "/up#x",
        "/?x",
        "/metrics?",
    ] {
        check(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes(), OK);
    }
}

#[test]
fn hosts() {
    check_all([
        ("GET /up HTTP/1.1\r\n\r\n", BAD),
        ("GET /up HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", BAD),
        ("GET /up HTTP/1.1\r\nHost: x\r\nhost: y\r\n\r\n", BAD),
        ("GET /up HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", BAD),
        ("GET /up HTTP/1.1\r\nHost:\r\n\r\n", OK),
        ("GET /up HTTP/1.1\r\nHost: [::1]:9630\r\n\r\n", OK),
        ("GET /up HTTP/1.1\r\nHost: db-1.example.:9630\r\n\r\n", OK),
        ("GET /up HTTP/1.1\r\nHost: a b\r\n\r\n", BAD),
        ("GET /up HTTP/1.1\r\nHost: a/b\r\n\r\n", BAD),
        ("GET /up HTTP/1.1\r\nHost: http://a\r\n\r\n", BAD),
        ("GET /up HTTP/1.1\r\nHost: user@a\r\n\r\n", BAD),
        ("GET /up HTTP/1.1\r\nHost: a,b\r\n\r\n", OK),
    ]);
}

#[test]
fn headers() {
    let get = "GET /up HTTP/1.1\r\nHost: x\r\n";
    let table: [(&str, &[u16]); 20] = [
        ("X: y", OK),
        ("X:", OK),
        ("X:y", OK),
        ("X: a\tb", OK),
        // What a line folded over two would mean, proxies disagree upon.
        ("X: a\r\n b", BAD),
        ("X: a\r\n\tb", BAD),
        (" X: y", BAD),
        ("X : y", BAD),
        ("X\t: y", BAD),
        ("X", BAD),
        (": y", BAD),
        ("X Y: z", BAD),
        ("X(Y): z", BAD),
        ("X\0: y", BAD),
        ("X: a\0b", BAD),
        ("X: a\rb", BAD),
        ("X: a\x0bb", BAD),
        (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13",
            OK,
        ),
        (
            "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
            OK,
        ),
        (
            "Range: bytes=0-1\r\nIf-None-Match: *\r\nIf-Modified-Since: Thu, 01 Jan 2099 00:00:00 GMT",
            OK,
        ),
    ];
    for (lines, expected) in table {
        check(format!("{get}{lines}\r\n\r\n").as_bytes(), expected);
    }
    check(b"GET /up HTTP/1.1\r\nHost: x\r\nX: \xff\xfe\r\n\r\n", OK);
    check(b"GET /up HTTP/1.1\r\nHost: x\r\nX\xff: y\r\n\r\n", BAD);
    // A bare LF ends a line, as RFC 9112 allows: people type requests. Nothing else depends on it.
    check(b"GET /up HTTP/1.1\nHost: x\n\n", OK);
}

/// The bounds on a head. An answer that says why must arrive although the client is still sending.
#[test]
fn sizes() {
    let get = |path: &str, headers: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
    let header = |length: usize| format!("X: {}\r\n", "y".repeat(length));
    check(get("/up", &header(60_000)).as_bytes(), OK);
    check(get("/up", &"X: y\r\n".repeat(99)).as_bytes(), OK);
    check(get("/up", &"X: y\r\n".repeat(100)).as_bytes(), &[431]);
    check(get(&format!("/up?{}", "x".repeat(8_000)), "").as_bytes(), OK);
    check(get(&format!("/up?{}", "x".repeat(9_000)), "").as_bytes(), &[414]);
    for _ in 0..20 {
        check(get("/up", &header(200_000)).as_bytes(), &[431]);
        check(get("/up", &header(5_000_000)).as_bytes(), &[431]);
        check(get(&format!("/{}", "x".repeat(5_000_000)), "").as_bytes(), &[431]);
    }
}

#[test]
fn pipelining() {
    let one = "GET /up HTTP/1.1\r\nHost: x\r\n\r\n";
    check(one.repeat(3_000).as_bytes(), &[200; 3_001]);
    // One that takes its time keeps the order.
    let scrape = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    let order = format!("{scrape}GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n{scrape}");
    check(order.as_bytes(), &[200, 404, 200, 200]);
}
