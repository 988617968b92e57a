//! Ten thousand connections that do nothing.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::Exporter;

use crate::support::{PROGRAM, SOON, on_server, server, turn};

/// Each process has fewer connections than the open files of the usual limit, 1024.
const CLIENTS: usize = 12;
const CONNECTIONS: usize = 900;

/// What a prober waits at most: HAProxy and the kubelet 1 s by default; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(3);

/// Opens connections and keeps them. A third is silent, a third has begun a request, a third has had an answer and not
/// read it. Those that the server closes stay as they are, at this end.
const CLIENT: &str = r#"
trap '' PIPE
for ((i = 0; i < $2; i++)); do
    exec {fd}<>"/dev/tcp/127.0.0.1/$1" || exit 1
    case $((i % 3)) in
        1) printf 'GET /metrics HTTP/1.1\r\nHost' >&$fd ;;
        2) printf 'GET /up HTTP/1.1\r\nHost: x\r\n\r\n' >&$fd ;;
    esac 2>/dev/null
done
echo held $i
read -r _
"#;

/// A process that holds connections until it is dropped.
struct Client(Child);

impl Client {
    fn start(port: u16) -> Self {
        let mut command = Command::new("bash");
        command.args([
            "-c",
            CLIENT,
            "client",
            &port.to_string(),
            &CONNECTIONS.to_string(),
        ]);
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Waits until all its connections are made.
    fn hold(&mut self) {
        let mut line = String::new();
        let mut output = BufReader::new(self.0.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        assert_eq!(
            line,
            format!("held {CONNECTIONS}\n"),
            "a client could not connect"
        );
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Probes and scrapes until told to end: how many there were, and what the slowest took.
fn keep_asking(exporter: &Exporter, path: &str, end: &AtomicBool) -> (usize, Duration) {
    let (mut count, mut slowest) = (0, Duration::ZERO);
    while !end.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let answer = exporter.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        slowest = slowest.max(begun.elapsed());
        count += 1;
    }
    (count, slowest)
}

#[test]
fn ten_thousand_idle_connections_stop_neither_probe_nor_scrape() {
    let _turn = turn();
    let exporter = on_server().start();
    exporter.wait_for_status("/primary", 200, SOON);
    let _ = exporter.scrape();
    let end = AtomicBool::new(false);
    let (probes, scrapes) = thread::scope(|scope| {
        let probes = scope.spawn(|| keep_asking(&exporter, "/primary", &end));
        let scrapes = scope.spawn(|| keep_asking(&exporter, "/metrics", &end));
        let mut clients: Vec<Client> = (0..CLIENTS).map(|_| Client::start(exporter.port())).collect();
        clients.iter_mut().for_each(Client::hold);
        // For as long as the server gives a request's head.
        thread::sleep(Duration::from_secs(6));
        end.store(true, Ordering::Relaxed);
        let asked = (probes.join().unwrap(), scrapes.join().unwrap());
        drop(clients);
        asked
    });
    eprintln!(
        "{} connections; probes and the slowest {probes:?}, scrapes {scrapes:?}",
        CLIENTS * CONNECTIONS
    );
    for (count, slowest) in [probes, scrapes] {
        assert!(
            count > 10 && slowest < PATIENCE,
            "{count}, the slowest in {slowest:?}"
        );
    }
    let open = exporter
        .scrape()
        .value("pg_exporter_http_connections", &[])
        .unwrap();
    assert!(open <= 512.0, "{open} connections are open");
    let log = exporter.final_log();
    assert!(
        !log.contains("level=warn") && !log.contains("level=error"),
        "{log}"
    );
}

/// The program under limits of open files, as `ulimit` takes them.
fn limited(limits: &str) -> Exporter {
    Exporter::builder("/bin/bash")
        .args(["-c", &format!(r#"ulimit {limits}; exec "$0" "$@""#), PROGRAM])
        .url(&server().url("postgres"))
        .env("PG_EXPORTER_CONNECT_TIMEOUT", "5s")
        .start()
}

#[test]
fn the_limit_of_open_files_is_raised() {
    let exporter = limited("-Sn 64");
    let limits = fs::read_to_string(format!("/proc/{}/limits", exporter.pid())).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[3], words[4], "soft and hard: {line}");
}

/// Where the hard limit is low, there are fewer connections, and enough files for the rest of the exporter.
#[test]
fn few_open_files_are_enough() {
    let exporter = limited("-n 200");
    exporter.wait_for_status("/primary", 200, SOON);
    let connect = || TcpStream::connect(("127.0.0.1", exporter.port())).unwrap();
    let idle: Vec<TcpStream> = (0..400).map(|_| connect()).collect();
    for _ in 0..20 {
        assert_eq!(exporter.get("/primary").status, 200);
        assert_eq!(exporter.scrape().value("pg_up", &[]), Some(1.0));
    }
    drop(idle);
    let log = exporter.final_log();
    assert!(!log.contains("cannot accept"), "{log}");
}
