//! Random and nearly sensible bytes in place of a client: the fuzz target's judgement, on stable Rust and in every run.

#[path = "../../../fuzz/harness.rs"]
mod harness;

use harness::{Harness, judge};
use proptest::prelude::*;

/// Parts of requests, and of what nobody should send.
const WORDS: [&str; 64] = [
    "GET ",
    "HEAD ",
    "POST ",
    "OPTIONS ",
    "CONNECT ",
    "BREW ",
    "PRI ",
    "/",
    "/up",
    "/metrics",
    "/reload",
    "/replica?lag=1s",
    "/metrics?collect[]=pg_db",
    "/stat",
    "/explain",
    "/version",
    "/nothing",
    "*",
    "http://x/up",
    "//up",
    "/%75p",
    "#x",
    " HTTP/1.1",
    " HTTP/1.0",
    " HTTP/2.0",
    " HTTP/",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    " ",
    "\t",
    "\0",
    ":",
    ",",
    "Host: x\r\n",
    "Host:\r\n",
    "Host: a/b\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "Connection: Upgrade\r\nUpgrade: h2c\r\n",
    "Content-Length: 3\r\n",
    "Content-Length: 99999999\r\n",
    "Content-Length: -1\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding : chunked\r\n",
    "Expect: 100-continue\r\n",
    "Accept: application/json\r\n",
    "Accept: text/html;q=0.5, application/openmetrics-text;version=1.0.0;q=0.9\r\n",
    "Accept-Encoding: gzip\r\n",
    "Accept-Encoding: zstd;q=1, gzip;q=0\r\n",
    "X-Prometheus-Scrape-Timeout-Seconds: 0.5\r\n",
    "X-Prometheus-Scrape-Timeout-Seconds: -1e999\r\n",
    "X: é\r\n",
    " folded\r\n",
    "3\r\nabc\r\n",
    "0\r\n\r\n",
    "zz\r\n",
    "ffffffffffffffff\r\n",
    "abc",
    "GET /up HTTP/1.1\r\nHost: x\r\n\r\n",
    "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
    "POST /up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
];

fn part() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        12 => prop::sample::select(&WORDS[..]).prop_map(|word| word.as_bytes().to_vec()),
        2 => prop::collection::vec(any::<u8>(), 0..20),
        1 => (any::<u8>(), 1_usize..20_000).prop_map(|(byte, count)| vec![byte; count]),
    ]
}

/// How large the pieces are in which the bytes arrive.
fn piece() -> impl Strategy<Value = usize> {
    prop_oneof![Just(3_usize), Just(50), Just(1000), Just(usize::MAX)]
}

/// Whole requests, of parts that go together more often than not.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let word = |from: usize, to: usize| prop::sample::select(&WORDS[from..to]);
    let headers = prop::collection::vec(word(35, 56), 0..6);
    (
        word(0, 6),
        word(7, 20),
        headers,
        prop::collection::vec(word(56, 61), 0..3),
    )
        .prop_map(|(method, path, headers, body)| {
            format!(
                "{method}{path} HTTP/1.1\r\nHost: x\r\n{}\r\n{}",
                headers.concat(),
                body.concat()
            )
            .into_bytes()
        })
}

thread_local! {
    static HARNESS: Harness = Harness::new();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_get_whole_answers_or_none(parts in prop::collection::vec(part(), 0..24), piece in piece()) {
        HARNESS.with(|harness| harness.check(&parts.concat(), piece));
    }

    #[test]
    fn requests_get_whole_answers(requests in prop::collection::vec(request(), 1..6), piece in piece()) {
        HARNESS.with(|harness| harness.check(&requests.concat(), piece));
    }

    /// How the network cuts requests makes no difference to what they mean. It may make one to how many are answered: the
    /// client ends behind them, and the server reads that sooner or later.
    #[test]
    fn pieces_do_not_matter(requests in prop::collection::vec(request(), 1..4), piece in 1_usize..64) {
        HARNESS.with(|harness| {
            let bytes = requests.concat();
            let whole = judge(&harness.answer(&bytes, usize::MAX)).unwrap();
            let cut = judge(&harness.answer(&bytes, piece)).unwrap();
            let both = whole.len().min(cut.len());
            prop_assert_eq!(&whole[..both], &cut[..both]);
            Ok(())
        })?;
    }
}

#[test]
fn the_judge_can_say_no() {
    let good =
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabHTTP/1.0 404 Not Found\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(judge(good.as_bytes()), Ok(vec![200, 404]));
    for bad in [
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab",
        "HTTP/1.1 200 OK\r\n\r\nab",
        "HTTP/1.1 2x0 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno header\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: b\rc\r\n\r\n",
        "garbage",
    ] {
        assert!(judge(bad.as_bytes()).is_err(), "{bad:?}");
    }
}
