//! Probes and scrapes at once, for a minute.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{SOON, on_server};

/// A client that keeps its connection.
struct Client {
    stream: BufReader<TcpStream>,
    request: String,
}

impl Client {
    fn new(port: u16, path: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream: BufReader::new(stream),
            request: format!("GET {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"),
        }
    }

    /// One request: its status, and the time until the last byte.
    fn ask(&mut self) -> (String, Duration) {
        let begun = Instant::now();
        self.stream.get_mut().write_all(self.request.as_bytes()).unwrap();
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let start = head.len();
            assert!(
                self.stream.read_line(&mut head).unwrap() > 0,
                "the server closed: {head}"
            );
            if let Some(value) = head[start..].strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        (head[9..12].to_owned(), begun.elapsed())
    }

    /// Asks at a pace until the time is over; what each took.
    fn keep_asking(&mut self, pace: Duration, until: Instant) -> Vec<Duration> {
        let mut times = Vec::new();
        while Instant::now() < until {
            let (status, took) = self.ask();
            assert_eq!(status, "200");
            times.push(took);
            thread::sleep(pace);
        }
        times
    }
}

fn figures(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let of = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    eprintln!(
        "{what}: {} requests, p50 {:?}, p99 {:?}, max {:?}",
        times.len(),
        of(0.5),
        of(0.99),
        of(1.0)
    );
}

/// What the figures are in a release build, `make bench` tells.
#[test]
fn fifty_connections_of_probes_and_five_of_scrapes_for_a_minute() {
    let exporter = on_server().start();
    exporter.wait_for_status("/primary", 200, SOON);
    let _ = exporter.scrape();
    let until = Instant::now() + Duration::from_secs(60);
    let run = |path: &'static str, pace: u64| {
        let port = exporter.port();
        thread::spawn(move || Client::new(port, path).keep_asking(Duration::from_millis(pace), until))
    };
    let probes: Vec<_> = (0..50).map(|_| run("/primary", 50)).collect();
    let scrapes: Vec<_> = (0..5).map(|_| run("/metrics", 200)).collect();
    let times = |threads: Vec<thread::JoinHandle<Vec<Duration>>>| -> Vec<Duration> {
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    };
    let (mut probes, mut scrapes) = (times(probes), times(scrapes));
    figures("probes", &mut probes);
    figures("scrapes", &mut scrapes);
    assert!(
        probes.len() > 10_000 && scrapes.len() > 200,
        "{} {}",
        probes.len(),
        scrapes.len()
    );
    let page = exporter.scrape();
    assert_eq!(
        page.value("pg_exporter_http_connections_rejected_total", &[]),
        Some(0.0)
    );
}
