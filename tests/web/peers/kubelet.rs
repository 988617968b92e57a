//! Probes as Kubernetes sends them: a new connection each time, and a second to answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use pg_exporter_lab::{Cluster, Exporter, newest_major, wait_until};

use crate::support::{PROGRAM, SOON};

/// `timeoutSeconds` of a probe by default.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The status, or `None` where the kubelet would say that the probe timed out or failed.
fn probe(exporter: &Exporter, path: &str) -> Option<u16> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: 10.0.0.1:{}\r\nUser-Agent: kube-probe/1.29\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        exporter.port()
    );
    let begun = Instant::now();
    let mut stream = TcpStream::connect(("127.0.0.1", exporter.port())).ok()?;
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    (begun.elapsed() < TIMEOUT).then_some(())?;
    answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

#[test]
fn liveness_is_the_exporters_and_readiness_the_servers() {
    let cluster = Cluster::start(newest_major());
    let exporter = Exporter::builder(PROGRAM)
        .url(&cluster.url("postgres"))
        .env("PG_EXPORTER_CONNECT_TIMEOUT", "5s")
        .start();
    let becomes = |status: u16| {
        wait_until(&format!("readiness is {status}"), SOON, || {
            assert_eq!(probe(&exporter, "/liveness"), Some(200));
            probe(&exporter, "/readiness") == Some(status)
        });
    };
    becomes(200);
    for _ in 0..2 {
        cluster.stop();
        becomes(503);
        // As long as it takes, the exporter is not the one to restart.
        for _ in 0..30 {
            assert_eq!(probe(&exporter, "/liveness"), Some(200));
            assert_eq!(probe(&exporter, "/readiness"), Some(503));
            thread::sleep(Duration::from_millis(100));
        }
        cluster.start_again();
        becomes(200);
    }
    // A frozen server does not answer, and the exporter says so.
    cluster.pause();
    becomes(503);
    cluster.resume();
    becomes(200);
    let log = exporter.final_log();
    assert!(!log.contains("panic"), "{log}");
}
