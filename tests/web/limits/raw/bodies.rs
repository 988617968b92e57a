//! Requests with bodies: how long they may be, and where they end.

use std::io::Write;
use std::net::TcpStream;

use super::{BAD, OK, check};
use crate::support::{SOON, on_server};

#[test]
fn bodies() {
    let chunked = |path: &str, body: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
    };
    let sized = |method: &str, path: &str, length: usize| {
        let body = "x".repeat(length);
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    let chunks = |count: usize| {
        format!(
            "{}0\r\n\r\n",
            format!("400\r\n{}\r\n", "x".repeat(1024)).repeat(count)
        )
    };
    let table: [(String, &[u16]); 17] = [
        (sized("GET", "/up", 5), OK),
        (sized("GET", "/metrics", 5), OK),
        (sized("HEAD", "/up", 5), OK),
        (sized("POST", "/reload", 0), OK),
        (sized("POST", "/reload", 100), OK),
        (sized("POST", "/reload", 65_536), OK),
        (sized("POST", "/reload", 65_537), &[413]),
        (sized("POST", "/reload", 20_000_000), &[413]),
        (sized("POST", "/up", 100), &[405, 200]),
        (sized("POST", "/nothing", 100), &[404, 200]),
        (chunked("/reload", "0\r\n\r\n"), OK),
        (chunked("/reload", "3\r\nabc\r\n0\r\n\r\n"), OK),
        (
            chunked("/reload", "3;name=value\r\nabc\r\n0\r\nX-Trailer: y\r\n\r\n"),
            OK,
        ),
        (chunked("/reload", "00003\r\nabc\r\n0\r\n\r\n"), OK),
        (chunked("/reload", &chunks(64)), OK),
        (chunked("/reload", &chunks(65)), &[413]),
        (chunked("/reload", &chunks(20_000)), &[413]),
    ];
    for (request, expected) in &table {
        check(request.as_bytes(), expected);
    }
    let expecting = |length: &str, body: &str| {
        format!(
            "POST /reload HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    };
    check(expecting("3", "abc").as_bytes(), &[100, 200, 200]);
    check(expecting("99999999", "").as_bytes(), &[413]);
}

/// Shapes that a proxy in front and a server behind may read differently.
#[test]
fn smuggling() {
    let post = "POST /reload HTTP/1.1\r\nHost: x\r\n";
    let table: [(&str, &[u16]); 33] = [
        // Two lengths: equal ones are one, others are none.
        ("Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", OK),
        ("Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", BAD),
        ("Content-Length: 3, 3\r\n\r\nabc", BAD),
        ("Content-Length: +3\r\n\r\nabc", BAD),
        ("Content-Length: -3\r\n\r\nabc", BAD),
        ("Content-Length: 0x3\r\n\r\nabc", BAD),
        ("Content-Length: 3 3\r\n\r\nabc", BAD),
        ("Content-Length: three\r\n\r\nabc", BAD),
        ("Content-Length:\r\n\r\nabc", BAD),
        ("Content-Length: 18446744073709551616\r\n\r\nabc", BAD),
        ("Content-Length : 3\r\n\r\nabc", BAD),
        // A length and chunks: the chunks count, and nothing behind them does.
        (
            "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            &[200],
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
            &[200],
        ),
        (
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n12\r\nGET /x HTTP/1.1\r\n\r\n0\r\n\r\n",
            BAD,
        ),
        // Codings that are nearly, or more than, chunked.
        ("Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", OK),
        ("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", BAD),
        ("Transfer-Encoding: identity\r\n\r\n0\r\n\r\n", BAD),
        ("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", BAD),
        ("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", &[501]),
        ("Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", &[501]),
        (
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            &[501],
        ),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
            BAD,
        ),
        ("Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", BAD),
        ("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", BAD),
        ("Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", BAD),
        ("Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", BAD),
        // Another header altogether: no body, and what follows is no request.
        ("Transfer_Encoding: chunked\r\n\r\n0\r\n\r\n", &[200, 400]),
        // Sizes of chunks.
        ("Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", BAD),
        ("Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n", BAD),
        ("Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", BAD),
        (
            "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n",
            BAD,
        ),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", BAD),
        ("Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", BAD),
    ];
    for (rest, expected) in table {
        check(format!("{post}{rest}").as_bytes(), expected);
    }
    let old = "POST /reload HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    check(old.as_bytes(), BAD);
}

/// Whatever is sent in these tests, and a good deal more, is thrown away as it comes.
#[test]
fn large_requests_take_no_memory() {
    let exporter = on_server().start();
    exporter.wait_for_status("/primary", 200, SOON);
    let _ = exporter.scrape();
    let before = exporter.rss();
    std::thread::scope(|scope| {
        for head in [
            "POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n",
            "POST /reload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5F5E100\r\n",
            "GET /up HTTP/1.1\r\nX: ",
            "GET /",
        ] {
            for _ in 0..5 {
                scope.spawn(|| {
                    let mut stream = TcpStream::connect(("127.0.0.1", exporter.port())).unwrap();
                    let _ = stream.write_all(head.as_bytes());
                    let piece = vec![b'x'; 1 << 20];
                    for _ in 0..100 {
                        if stream.write_all(&piece).is_err() {
                            break;
                        }
                    }
                });
            }
        }
    });
    let more = exporter.peak_rss().saturating_sub(before);
    assert!(more < 16 << 20, "{} KiB more for 20 clients", more >> 10);
    assert_eq!(exporter.get("/up").status, 200);
}
